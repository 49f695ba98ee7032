// Prints the fingerprints of this build on this processor, and compares them with the committed table.
//
//   fingerprints PROJECT [--isa NAME] [--no-models] [--write] [--dump FOLDER]
//
// PROJECT is the project's folder: tests/fingerprints.json and models/ are read from it. Every instruction set that was
// compiled in and runs here is tried, or the one named. --write adds what the table lacks, and never changes a line of it.
// --dump: each kernel's values as text, a line of hexadecimal bits each, to be compared with those of a machine that agrees.
// Exit status: 0 all equal, 1 a difference or a failed self-test, 2 misuse.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#if defined(__aarch64__) && defined(__linux__)
#include <sys/prctl.h>
#endif

#include "runtime/base/atomic_file.h"
#include "runtime/base/bits.h"
#include "runtime/base/error.h"
#include "runtime/engine/engine.h"
#include "runtime/kernels/selection.h"
#include "tests/isa/fingerprints.h"

namespace invar::testing {
namespace {

constexpr char kUsage[] = "usage: fingerprints PROJECT [--isa NAME] [--no-models] [--write] [--dump FOLDER]";

using Table = std::map<std::string, std::string>;

Table ReadTable(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) return {};
  return nlohmann::json::parse(file).at("fingerprints").get<Table>();
}

void WriteTable(const std::filesystem::path& path, const Table& table) {
  const nlohmann::ordered_json json = {
      {"what", "SHA-256 of what every build on every processor computes (tests/isa): a line, once here, never changes"},
      {"contract", 1},
      {"fingerprints", table}};
  AtomicFile file(path);
  file.Write(json.dump(1) + "\n");
  file.Commit();
}

// Bits of the processor's vectors where it alone knows them; 0 elsewhere.
size_t VectorBits() {
#if defined(__aarch64__) && defined(__linux__)
  const int length = prctl(PR_SVE_GET_VL);
  return length < 0 ? 0 : static_cast<size_t>(length & PR_SVE_VL_LEN_MASK) * 8;
#elif defined(__riscv_vector)
  size_t bytes;
  asm("csrr %0, vlenb" : "=r"(bytes));
  return bytes * 8;
#else
  return 0;
#endif
}

// A thread of SVE code may be given vectors of another length while it runs: by itself, or as it would be where it moved between
// cores of different lengths, if Linux let it. What is computed afterwards must be the same. Returns how many fingerprints were
// compared, 0 where vectors cannot become shorter; throws where one differs.
size_t CompareWithShorterVectors([[maybe_unused]] const std::string& isa, [[maybe_unused]] const std::vector<NamedFingerprint>& expected) {
#if defined(__aarch64__) && defined(__linux__)
  const size_t before = VectorBits();
  if ((isa != "SVE" && isa != "SVE2") || before <= 128 || prctl(PR_SVE_SET_VL, 128 / 8) < 0 || VectorBits() >= before) return 0;
  Tally tally;
  const std::vector<NamedFingerprint> found = KernelFingerprints(isa, tally);
  const size_t shorter = VectorBits();
  prctl(PR_SVE_SET_VL, static_cast<long>(before / 8));
  if (found.size() > expected.size()) throw Error("more kernels with shorter vectors");
  for (size_t i = 0; i < found.size(); ++i) {
    if (found[i].name != expected[i].name || found[i].sha256 != expected[i].sha256) {
      throw Error(isa + ": " + found[i].name + " is another with vectors of " + std::to_string(shorter) + " bits from now on");
    }
  }
  std::printf("%s: %zu fingerprints equal after this thread's vectors had become %zu bits long\n", isa.c_str(), found.size(), shorter);
  return found.size();
#else
  return 0;
#endif
}

void Dump(const std::filesystem::path& folder, const std::string& isa, std::string name, const std::vector<float>& values) {
  std::replace(name.begin(), name.end(), '/', '_');
  std::string text;
  for (const float value : values) {
    char line[16];
    std::snprintf(line, sizeof(line), "%08x\n", static_cast<unsigned>(BitCast<uint32_t>(value)));
    text += line;
  }
  AtomicFile file(folder / (isa + " " + name));
  file.Write(text);
  file.Commit();
}

int Run(const std::vector<std::string>& arguments) {
  std::filesystem::path project, dump;
  std::string only;
  bool models = true, write = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--isa" && i + 1 < arguments.size()) {
      only = arguments[++i];
    } else if (arguments[i] == "--dump" && i + 1 < arguments.size()) {
      dump = arguments[++i];
    } else if (arguments[i] == "--no-models") {
      models = false;
    } else if (arguments[i] == "--write") {
      write = true;
    } else if (project.empty() && arguments[i][0] != '-') {
      project = arguments[i];
    } else {
      std::fprintf(stderr, "fingerprints: what is '%s'? %s\n", arguments[i].c_str(), kUsage);
      return 2;
    }
  }
  if (project.empty()) {
    std::fprintf(stderr, "%s\n", kUsage);
    return 2;
  }
  const std::filesystem::path path = project / "tests" / "fingerprints.json";
  const Table committed = ReadTable(path);
  Table found = committed;
  bool failed = false;
  if (VectorBits() != 0) std::printf("vectors of %zu bits\n", VectorBits());
  for (const std::string& isa : only.empty() ? SupportedIsas() : std::vector<std::string>{only}) {
    Kernels::Of(isa);  // its self-test
    Tally tally;
    std::vector<NamedFingerprint> fingerprints = KernelFingerprints(
        isa, tally, [&](const std::string& name, const std::vector<float>& values) {
          if (!dump.empty()) Dump(dump, isa, name, values);
        });
    const bool longer = VectorBits() > 128 && (isa == "SVE" || isa == "SVE2");
    if (longer && CompareWithShorterVectors(isa, fingerprints) == 0) {
      std::printf("FAILED %s: its vectors did not become shorter\n", isa.c_str());
      failed = true;
    }
    if (models) {
      for (const char* model : {"gpt2", "qwen3"}) {
        const std::filesystem::path directory = project / "models" / model;
        const Engine engine(directory, EngineOptions{isa, 2});
        const std::vector<NamedFingerprint> more = ModelFingerprints(engine, directory, isa, tally);
        fingerprints.insert(fingerprints.end(), more.begin(), more.end());
      }
    }
    size_t equal = 0, wrong = 0;
    // Of the committed lines, those that this program computes: the command lines' are the matrix's own.
    std::set<std::string> left;
    for (const auto& [name, sha256] : committed) {
      if (name.starts_with("kernel ") || (models && !name.starts_with("command "))) left.insert(name);
    }
    for (const NamedFingerprint& f : fingerprints) {
      left.erase(f.name);
      const auto [expected, added] = found.try_emplace(f.name, f.sha256);
      if (committed.count(f.name) == 0 && !write) {
        std::printf("FAILED %s: the table has no line for %s; add it with --write\n", isa.c_str(), f.name.c_str());
        ++wrong;
      } else if (expected->second != f.sha256) {
        std::printf("FAILED %s: %s is %s instead of %s\n", isa.c_str(), f.name.c_str(), f.sha256.c_str(), expected->second.c_str());
        ++wrong;
      } else {
        ++equal;
      }
    }
    for (const std::string& name : left) {
      std::printf("FAILED %s: the table's line %s was not computed\n", isa.c_str(), name.c_str());
      ++wrong;
    }
    if (!tally.unequal.empty()) std::printf("FAILED %s\n", tally.unequal.c_str());
    failed = failed || wrong != 0 || !tally.unequal.empty();
    std::printf("%-12s %3zu of %zu fingerprints equal, of %llu values; %llu more compared across tiles, batches, threads and cuts\n",
                isa.c_str(), equal, fingerprints.size(), static_cast<unsigned long long>(tally.values),
                static_cast<unsigned long long>(tally.compared));
    std::fflush(stdout);
  }
  if (write && !failed) WriteTable(path, found);
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace invar::testing

int main(int argc, char** argv) {
  try {
    return invar::testing::Run({argv + 1, argv + argc});
  } catch (const std::exception& e) {
    std::fprintf(stderr, "fingerprints: %s\n", e.what());
    return 1;
  }
}
