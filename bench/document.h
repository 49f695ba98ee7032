// A run of the benchmarks as one document: the machine, its processor, the ceilings measured, every figure as a share of
// them with its noise. docs/performance.md describes the fields.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "bench/results.h"

namespace invar::bench {

inline constexpr char kDocumentFormat[] = "invar-bench-1";

// The system's load average of the last minute; negative where it tells none.
double LoadAverage();

// `command`: what was typed, for whoever reads the document later.
nlohmann::ordered_json Document(const std::string& command);
// One line a figure, in the order in which they were measured, below a line of names.
std::string Csv(const std::vector<Result>& results);

// A document read from a file. Throws Error where it is none of this format.
nlohmann::ordered_json ReadDocument(const std::string& path);

// Writes to a file that appears whole or not at all, or to standard output where the path is "-". Throws Error.
void WriteOutput(const std::string& path, const std::string& text);

}  // namespace invar::bench
