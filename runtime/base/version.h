// The version of the program; the contract has its own (INVAR_CONTRACT_VERSION).
#pragma once

namespace invar {

inline constexpr const char* kVersion = "0.1.0";

}  // namespace invar
