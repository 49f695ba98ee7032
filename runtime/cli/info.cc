// invar info: what this build is and what it would run on.
#include <fstream>
#include <iostream>

#include "invar/kernels.h"
#include "runtime/base/version.h"
#include "runtime/cli/common.h"
#include "runtime/kernels/selection.h"

namespace invar::cli {
namespace {

// The processor's own name, where the system tells it.
std::string Processor() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    for (const char* key : {"model name", "Processor", "cpu model", "cpu\t"}) {
      const size_t colon = line.find(':');
      if (line.rfind(key, 0) == 0 && colon != std::string::npos) {
        const size_t begin = line.find_first_not_of(" \t", colon + 1);
        return begin == std::string::npos ? "unknown" : line.substr(begin);
      }
    }
  }
  return "unknown";
}

std::string Joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
  return text;
}

}  // namespace

void AddInfo(CLI::App& app, Action& action) {
  CLI::App* info = app.add_subcommand("info", "version, contract, instruction sets, processor, threads");
  auto json = std::make_shared<bool>(false);
  auto isa = std::make_shared<std::string>();
  info->add_flag("--json", *json, "print JSON");
  info->add_option("--isa", *isa, "instruction set to use; the best supported one otherwise")->envname("INVAR_ISA");
  info->callback([&action, json, isa] {
    action = [json, isa] {
      const std::string chosen = Kernels::Of(*isa).isa();
      const std::vector<std::string> compiled = CompiledIsas(), supported = SupportedIsas();
      if (*json) {
        PrintJson({{"version", kVersion},
                   {"contract", INVAR_CONTRACT_VERSION},
                   {"isa", {{"compiled", compiled}, {"supported", supported}, {"chosen", chosen}}},
                   {"processor", Processor()},
                   {"threads", AvailableThreads()}});
      } else {
        std::cout << "invar       " << kVersion << "\n"
                  << "contract    " << INVAR_CONTRACT_VERSION << "\n"
                  << "compiled    " << Joined(compiled) << "\n"
                  << "supported   " << Joined(supported) << "\n"
                  << "chosen      " << chosen << "\n"
                  << "processor   " << Processor() << "\n"
                  << "threads     " << AvailableThreads() << "\n";
      }
      return 0;
    };
  });
}

}  // namespace invar::cli
