// invar perplexity: how well a model predicts a text.
#include <cstdio>
#include <iostream>

#include "runtime/base/error.h"
#include "runtime/cli/common.h"
#include "runtime/engine/perplexity.h"

namespace invar::cli {
namespace {

struct PerplexityFlags {
  EngineFlags engine;
  PromptFlags prompt;
  IdsFlags ids;
  int64_t window = 0, stride = 0;
  bool json = false, quiet = false;
};

int RunPerplexity(const PerplexityFlags& flags) {
  if (flags.prompt.given() && flags.ids.given()) {
    throw UsageError("a text (-p, -f) and token ids (--ids, --ids-file) exclude each other; give one of them");
  }
  if (!flags.prompt.given() && !flags.ids.given()) throw UsageError("give a text: -f FILE (- for standard input), -p TEXT, or --ids");
  if (flags.window < 0 || flags.stride < 0) throw UsageError("--window and --stride must not be negative");
  std::vector<int32_t> ids;
  if (flags.ids.given()) {
    ids = flags.ids.Read();
  } else {
    const std::vector<std::string> texts = flags.prompt.Read();
    if (texts.size() != 1) throw UsageError("perplexity takes one text; run it once for each");
    ids = Tokenizer::Load(flags.engine.path()).Encode(texts[0]);
  }
  const Engine engine = flags.engine.Load();
  PerplexityOptions options;
  options.window = static_cast<size_t>(flags.window);
  options.stride = static_cast<size_t>(flags.stride);
  const bool progress = !flags.quiet && ErrorIsTerminal();  // its carriage returns would garble a log
  if (progress) {
    options.on_progress = [](size_t done, size_t total) { std::fprintf(stderr, "\r%zu of %zu tokens", done, total); };
  }
  const Perplexity p = ComputePerplexity(engine, ids, options);
  if (progress) std::fprintf(stderr, "\n");
  if (flags.json) {
    const nlohmann::ordered_json uncertainty = p.uncertainty ? nlohmann::ordered_json(*p.uncertainty) : nlohmann::ordered_json();
    PrintJson({{"perplexity", p.perplexity}, {"uncertainty", uncertainty}, {"mean_log_probability", p.mean},
               {"tokens", p.tokens}, {"windows", p.windows}});
  } else if (!p.uncertainty) {
    char line[400];
    std::snprintf(line, sizeof(line), "perplexity %.6f (no standard error: one token)\n", p.perplexity);
    std::cout << line;
  } else {
    char line[800];
    std::snprintf(line, sizeof(line), "perplexity %.6f +/- %.6f over %zu tokens in %zu windows\n", p.perplexity,
                  *p.uncertainty, p.tokens, p.windows);
    std::cout << line;
  }
  return 0;
}

}  // namespace

void AddPerplexity(CLI::App& app, Action& action) {
  CLI::App* perplexity = app.add_subcommand(
      "perplexity", "how well a model predicts a text: exp of minus the mean log-probability of its tokens, +/- one standard error");
  auto flags = std::make_shared<PerplexityFlags>();
  flags->engine.Add(*perplexity);
  flags->prompt.Add(*perplexity);
  flags->ids.Add(*perplexity);
  perplexity->add_option("--window", flags->window, "tokens that the model sees at once; 0: as many as it has positions")
      ->check(CLI::Validator(CheckInteger, ""));
  perplexity->add_option("--stride", flags->stride, "by how many tokens the window moves; 0: half of it. Each token counts once, in the first window that holds it")
      ->check(CLI::Validator(CheckInteger, ""));
  perplexity->add_flag("--json", flags->json, "print JSON");
  perplexity->add_flag("-q,--quiet", flags->quiet, "nothing on standard error but errors");
  perplexity->callback([&action, flags] { action = [flags] { return RunPerplexity(*flags); }; });
}

}  // namespace invar::cli
