// invar: the command line.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <new>
#include <stdexcept>

#include "runtime/base/error.h"
#include "runtime/base/interrupt.h"
#include "runtime/base/json.h"
#include "runtime/base/version.h"
#include "runtime/cli/common.h"

namespace {

// One line, whatever the user's own words hold.
std::string OneLine(const char* what) {
  std::string line;
  for (const char* c = what; *c != '\0'; ++c) {
    const bool control = static_cast<unsigned char>(*c) < 0x20 || *c == 0x7F;
    line += control ? ' ' : *c;
  }
  return line;
}

int Run(int argc, char** argv) {
  CLI::App app{"Deterministic language-model inference: the same bits on every processor, in every batch, on any number "
               "of threads."};
  app.name("invar");
  app.set_version_flag("--version", std::string("invar ") + invar::kVersion);
  app.require_subcommand(1);
  invar::cli::Action action;
  invar::cli::AddGenerate(app, action);
  invar::cli::AddReplay(app, action);
  invar::cli::AddLogits(app, action);
  invar::cli::AddVerify(app, action);
  invar::cli::AddPerplexity(app, action);
  invar::cli::AddTokenize(app, action);
  invar::cli::AddInspect(app, action);
  invar::cli::AddConvert(app, action);
  invar::cli::AddInfo(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    app.exit(e);
    invar::cli::FlushOutput();
    return 0;
  } catch (const CLI::ParseError& e) {
    // The parser only says that a subcommand is required.
    const bool word = argc > 1 && argv[1][0] != '-' && app.get_subcommands().empty();
    std::cerr << "invar: " << (word ? "there is no subcommand " + invar::Quoted(argv[1]) : OneLine(e.what())) << "; see invar --help\n";
    return 2;
  }
  const int code = action();
  invar::cli::FlushOutput();
  return code;
}

}  // namespace

int main(int argc, char** argv) {
#ifdef SIGPIPE
  std::signal(SIGPIPE, SIG_IGN);  // a reader that left is an error to report, not a reason to die silently
#endif
#ifdef SIGXFSZ
  std::signal(SIGXFSZ, SIG_IGN);  // so is a file that grows beyond the limit for files
#endif
  try {
    return Run(argc, argv);
  } catch (const invar::UsageError& e) {
    std::cerr << "invar: " << OneLine(e.what()) << "\n";
    return 2;
  } catch (const invar::Interrupted& e) {
    std::cerr << "invar: " << OneLine(e.what()) << "\n";
    return 128 + e.signal();
  } catch (const std::bad_alloc&) {
    std::cerr << "invar: there is not enough memory for this model or request\n";
    return 1;
  } catch (const std::length_error&) {
    std::cerr << "invar: there is not enough memory for this model or request\n";
    return 1;
  } catch (const std::exception& e) {
    std::cerr << "invar: " << OneLine(e.what()) << "\n";
    return 1;
  }
}
