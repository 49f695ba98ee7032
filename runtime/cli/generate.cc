// invar generate: text in, text out.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <mutex>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/cli/common.h"
#include "runtime/cli/profile_report.h"
#include "runtime/cli/text_stream.h"
#include "runtime/engine/generate.h"
#include "runtime/engine/receipt.h"
#include "runtime/model/generation_config.h"
#include "runtime/text/chat_template.h"
#include "runtime/text/unicode.h"

namespace invar::cli {
namespace {

struct GenerateFlags {
  EngineFlags engine;
  PromptFlags prompt;
  IdsFlags ids;
  int64_t max_tokens = 128;
  std::optional<double> temperature, top_p, min_p, repetition_penalty, frequency_penalty, presence_penalty;
  std::optional<int64_t> top_k;
  uint64_t seed = 0;
  std::vector<std::string> logit_bias, stop;
  bool ignore_end = false, chat = false, json = false, hide_prompt = false, quiet = false, log_probabilities = false,
       no_thinking = false;
  std::string system, messages, tools;
  std::optional<std::string> date;
  std::vector<std::string> chat_variables;
  std::string receipt;
  bool profile = false;
};

struct Prompt {
  std::string text;  // empty where ids were given
  std::vector<int32_t> ids;
};

double Seconds(int64_t nanoseconds) { return static_cast<double>(nanoseconds) * 1e-9; }

std::string Join(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

std::string Number(double v) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g", v);
  return text;
}

// key=value, the value JSON or else a string. What the program sets itself, or what was set before, would be lost without
// a word.
void SetVariable(nlohmann::ordered_json& variables, const std::string& assignment) {
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw UsageError("--chat-var " + assignment + " is not of the form name=value");
  }
  const std::string name = assignment.substr(0, equals), value = assignment.substr(equals + 1);
  if (name == "messages" || name == "add_generation_prompt") {
    throw UsageError("--chat-var " + Quoted(name) + " is set by the program" +
                     (name == "messages" ? "; give --messages, --system or -p" : "; leave it out"));
  }
  if (variables.contains(name)) {
    throw UsageError("--chat-var " + Quoted(name) + " is given already" +
                     (name == "tools" ? ", or set by --tools" : name == "enable_thinking" ? ", or set by --no-thinking" : "") +
                     "; give it once");
  }
  nlohmann::ordered_json& variable = variables[name];
  try {
    variable = ParseOrderedJson(value, "--chat-var");
  } catch (const Error&) {
    variable = value;
  }
}

jinja::Date ParseDate(const std::string& text) {
  const auto number = [&](size_t from, size_t count) {
    int value = 0;
    for (size_t i = from; i < from + count; ++i) value = text[i] >= '0' && text[i] <= '9' ? value * 10 + (text[i] - '0') : -100000;
    return value;
  };
  if (text.size() == 10 && text[4] == '-' && text[7] == '-') {
    const int year = number(0, 4), month = number(5, 2), day = number(8, 2);
    if (year >= 1 && month >= 1 && day >= 1 &&
        std::chrono::year_month_day(std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                    std::chrono::day(static_cast<unsigned>(day)))
            .ok()) {
      jinja::Date date;
      date.year = year;
      date.month = month;
      date.day = day;
      return date;
    }
  }
  throw UsageError("--date " + Quoted(text) + " is not a day of the form YYYY-MM-DD");
}

std::map<int32_t, double> ParseLogitBias(const std::vector<std::string>& given) {
  std::map<int32_t, double> bias;
  for (const std::string& item : given) {
    int32_t id = -1;
    const char* end = item.data() + item.size();
    const auto [at, error] = std::from_chars(item.data(), end, id);
    std::optional<double> value;
    if (error == std::errc() && id >= 0 && at != end && *at == '=') value = ParseNumber(std::string(at + 1, end));
    if (!value) {
      throw UsageError("--logit-bias " + item + " is not of the form id=value, such as 50256=-5");
    }
    bias[id] = *value;
  }
  return bias;
}

// The parser would take -1 for 2^64 - 1.
std::string CheckSeed(const std::string& text) {
  uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error == std::errc() && end == text.data() + text.size()) return "";
  return "the seed is a whole number from 0 to 18446744073709551615";
}

class GenerateCommand {
 public:
  explicit GenerateCommand(const GenerateFlags& flags) : flags_(flags), path_(flags.engine.path()) {}

  int Run() {
    if (flags_.max_tokens < -1 || flags_.max_tokens == 0) {
      throw UsageError("--n-predict must be 1 or more, or -1 to go on until the model ends");
    }
    if (flags_.max_tokens > INT32_MAX) {  // the same on processors of 32 bits, and in receipts
      throw UsageError("--n-predict must be at most 2147483647; -1 goes on until the model ends");
    }
    if (!flags_.receipt.empty()) CheckReceipt();
    tokenizer_.emplace(Tokenizer::Load(path_));
    generation_ = GenerationConfig::Load(path_);
    ReadPrompts();
    const SamplingParameters sampling = Sampling();
    engine_.reset(new Engine(flags_.engine.Load()));

    std::vector<GenerateRequest> requests;
    for (const Prompt& prompt : prompts_) {
      GenerateRequest request;
      request.prompt = prompt.ids;
      request.max_tokens = flags_.max_tokens < 0 ? 0 : static_cast<size_t>(flags_.max_tokens);
      request.sampling = sampling;
      if (!flags_.ignore_end) request.end_tokens = EndTokens();
      requests.push_back(std::move(request));
      streams_.emplace_back(*tokenizer_, flags_.stop);
    }

    const bool streaming = prompts_.size() == 1 && !flags_.json;
    // Nothing is printed before the first token: until then the request may still be refused.
    bool begun = false;
    const auto begin = [&] {
      if (begun) return;
      begun = true;
      if (!flags_.quiet) std::cerr << mode_ << "\n";
      if (streaming && !flags_.hide_prompt && !flags_.chat) std::cout << prompts_[0].text << std::flush;
    };
    GenerateTimes times;
    GenerateProfile profile;
    StepRecorder steps(requests.size(), engine_->vocab_size());
    OnStep on_step;
    if (!flags_.receipt.empty()) on_step = [&](const GenerateStep& step) { steps.Add(step); };
    const std::vector<GenerateResult> results = Generate(
        *engine_, requests,
        [&](size_t i, int32_t id, float) {
          begin();
          const std::string text = streams_[i].Add(id);
          if (streaming) std::cout << text << std::flush;
          return !streams_[i].stopped();
        },
        &times, on_step, flags_.profile ? &profile : nullptr);
    std::vector<std::string> rests;
    for (TextStream& stream : streams_) rests.push_back(stream.Finish());
    if (!flags_.receipt.empty()) WriteReceipt(requests, results, steps);
    if (results.size() == 1 && results[0].ids.empty() && !results[0].error.empty()) throw Error(results[0].error);
    begin();
    if (streaming) std::cout << rests[0] << "\n";
    if (flags_.json) {
      PrintResults(results, times);
    } else if (!streaming) {
      for (size_t i = 0; i < results.size(); ++i) {
        if (i > 0) std::cout << "\n";
        std::cout << "--- " << i + 1 << " of " << results.size() << "\n";
        if (!flags_.hide_prompt && !flags_.chat) std::cout << prompts_[i].text;
        std::cout << streams_[i].text() << "\n";
      }
    }
    FlushOutput();
    if (!flags_.quiet) PrintTimes(times);
    if (flags_.profile) {
      const SoftmaxCost softmax = MeasureSoftmax(engine_->kernels(), engine_->threads());
      std::cerr << ProfileReport("prefill", times.prefill_tokens, times.prefill_nanoseconds, profile.prefill, softmax);
      if (times.decode_tokens > 0) {
        std::cerr << ProfileReport("decode", times.decode_tokens, times.decode_nanoseconds, profile.decode, softmax);
      }
    }
    return ReportFailures(results);
  }

 private:
  // What would make the receipt impossible, before anything is computed.
  void CheckReceipt() const {
    for (const std::string& stop : flags_.stop) {
      if (!IsValidUtf8(stop)) throw UsageError("--stop " + Quoted(stop) + " is not UTF-8, which a receipt cannot hold");
    }
    std::vector<std::string> inputs = flags_.prompt.files;
    inputs.insert(inputs.end(), {flags_.ids.file, flags_.messages, flags_.tools});
    RequireWritable(flags_.receipt, path_, inputs);
  }

  void WriteReceipt(const std::vector<GenerateRequest>& requests, const std::vector<GenerateResult>& results,
                    const StepRecorder& steps) const {
    Receipt receipt = {HeaderOf(HashModel(path_, engine_->threads()).identity), {}};
    for (size_t i = 0; i < results.size(); ++i) {
      SequenceReceipt s;
      if (!prompts_[i].text.empty() && IsValidUtf8(prompts_[i].text)) s.prompt = prompts_[i].text;
      s.request = requests[i];
      for (const std::string& stop : flags_.stop) {
        if (!stop.empty()) s.stop.push_back(stop);
      }
      steps.Fill(i, results[i], s);
      s.text = streams_[i].text();
      receipt.sequences.push_back(std::move(s));
    }
    WriteWholeFile(flags_.receipt, receipt.Text());
  }

  void ReadPrompts() {
    const bool text = flags_.prompt.given() || !flags_.messages.empty();
    if (text && flags_.ids.given()) {
      throw UsageError("a text (-p, -f, --messages) and token ids (--ids, --ids-file) exclude each other; give one of them");
    }
    if (!text && !flags_.ids.given()) {
      throw UsageError("give a prompt: -p TEXT, -f FILE (- for standard input), or --ids");
    }
    if (!flags_.chat && (!flags_.system.empty() || !flags_.messages.empty() || !flags_.chat_variables.empty() ||
                          !flags_.tools.empty() || flags_.date || flags_.no_thinking)) {
      throw UsageError("--system, --messages, --tools, --date, --no-thinking and --chat-var need --chat");
    }
    if (flags_.ids.given()) {
      if (flags_.chat) throw UsageError("--chat takes text, not ids");
      prompts_.push_back({"", flags_.ids.Read()});
      return;
    }
    std::vector<std::string> texts = flags_.prompt.Read();
    if (flags_.chat) texts = Conversations(texts);
    for (std::string& t : texts) {
      // A chat template writes the special tokens itself.
      std::vector<int32_t> ids = tokenizer_->Encode(t, !flags_.chat);
      if (ids.empty()) throw UsageError("a prompt is empty, so there is nothing to continue; give some text");
      prompts_.push_back({std::move(t), std::move(ids)});
    }
  }

  // Each prompt a conversation of one turn, or the messages of a file continued by the prompt.
  std::vector<std::string> Conversations(const std::vector<std::string>& turns) const {
    const std::optional<ChatTemplate> chat = ChatTemplate::Load(path_, !flags_.tools.empty());
    if (!chat) throw Error("the model " + path_.string() + " has no chat template; leave --chat out");
    nlohmann::ordered_json history = nlohmann::ordered_json::array();
    if (!flags_.messages.empty()) {
      history = ParseOrderedJson(ReadText(flags_.messages), "--messages " + Quoted(flags_.messages));
      if (!history.is_array()) {
        throw UsageError("--messages " + flags_.messages + " does not hold a JSON array of {\"role\", \"content\"}");
      }
    }
    if (!flags_.system.empty()) {
      // Named: insert would take braces for a list of elements.
      const nlohmann::ordered_json system = {{"role", "system"}, {"content", flags_.system}};
      history.insert(history.begin(), system);
    }
    ChatOptions options;
    if (flags_.date) options.today = ParseDate(*flags_.date);
    if (!flags_.tools.empty()) {
      const nlohmann::ordered_json tools = ParseOrderedJson(ReadText(flags_.tools), "--tools " + Quoted(flags_.tools));
      if (!tools.is_array() || !std::all_of(tools.begin(), tools.end(), [](const auto& tool) { return tool.is_object(); })) {
        throw UsageError("--tools " + flags_.tools + " does not hold a JSON array of tools, each an object");
      }
      options.variables["tools"] = tools;
    }
    if (flags_.no_thinking) options.variables["enable_thinking"] = false;
    for (const std::string& assignment : flags_.chat_variables) SetVariable(options.variables, assignment);
    std::vector<std::string> texts;
    for (const std::string& turn : turns) {
      nlohmann::ordered_json messages = history;
      messages.push_back({{"role", "user"}, {"content", turn}});
      texts.push_back(chat->Render(messages, options));
    }
    if (turns.empty()) texts.push_back(chat->Render(history, options));
    return texts;
  }

  // Without those outside the vocabulary, which no draw can give: classes of configs have one of the published vocabulary for a
  // default, however small the model's is, and a receipt that names one is refused.
  std::vector<int32_t> EndTokens() const {
    std::vector<int32_t> ids = generation_.eos_token_ids.empty() ? engine_->model().config().eos_token_ids : generation_.eos_token_ids;
    std::erase_if(ids, [&](int32_t id) { return id < 0 || static_cast<size_t>(id) >= engine_->vocab_size(); });
    return ids;
  }

  // GenerateFlags first, then generation_config.json where it asks for sampling, then greedy; mode_ says which.
  SamplingParameters Sampling() {
    SamplingParameters p;
    const bool configured = generation_.do_sample.value_or(false);
    const bool asked = flags_.temperature || flags_.top_k || flags_.top_p || flags_.min_p;
    std::vector<std::string> from_config;
    const auto choose = [&](const char* name, const auto& flag, const auto& config, auto fallback) {
      if (flag) return static_cast<decltype(fallback)>(*flag);
      if (configured && config) {
        from_config.push_back(name);
        return static_cast<decltype(fallback)>(*config);
      }
      return fallback;
    };
    // Sampling without a temperature is at 1; nothing asked and nothing configured is greedy.
    p.temperature = choose("temperature", flags_.temperature, generation_.temperature, asked || configured ? 1.0 : 0.0);
    if (flags_.top_k && *flags_.top_k < 0) throw UsageError("--top-k must be 1 or more, or 0 to switch it off");
    p.top_k = choose("top-k", flags_.top_k, generation_.top_k, uint64_t{0});
    p.top_p = choose("top-p", flags_.top_p, generation_.top_p, 1.0);
    p.min_p = choose("min-p", flags_.min_p, generation_.min_p, 0.0);
    p.repetition_penalty =
        choose("repetition penalty", flags_.repetition_penalty, generation_.repetition_penalty, 1.0);
    p.frequency_penalty = flags_.frequency_penalty.value_or(0);
    p.presence_penalty = flags_.presence_penalty.value_or(0);
    p.logit_bias = ParseLogitBias(flags_.logit_bias);
    p.seed = flags_.seed;
    p.Check();
    if (p.temperature == 0) {
      mode_ = std::string("greedy") + (configured ? " (flags override generation_config.json)" : "");
      std::erase_if(from_config, [](const std::string& name) { return name != "repetition penalty"; });  // the rest is idle
    } else {
      mode_ = "sampling: temperature " + Number(p.temperature) + ", top-k " + std::to_string(p.top_k) + ", top-p " +
              Number(p.top_p) + ", min-p " + Number(p.min_p) + ", seed " + std::to_string(p.seed);
    }
    if (p.repetition_penalty != 1) mode_ += ", repetition penalty " + Number(p.repetition_penalty);
    if (p.frequency_penalty != 0) mode_ += ", frequency penalty " + Number(p.frequency_penalty);
    if (p.presence_penalty != 0) mode_ += ", presence penalty " + Number(p.presence_penalty);
    if (!p.logit_bias.empty()) mode_ += ", logit bias of " + std::to_string(p.logit_bias.size()) + " tokens";
    if (!from_config.empty()) mode_ += " (" + Join(from_config) + " from generation_config.json)";
    return p;
  }

  // Prompts that ended in an error; those beside them are as good as without them.
  static int ReportFailures(const std::vector<GenerateResult>& results) {
    int code = 0;
    for (size_t i = 0; i < results.size(); ++i) {
      if (results[i].reason != FinishReason::kError) continue;
      const std::string which = "prompt " + std::to_string(i + 1) + " of " + std::to_string(results.size()) + ": ";
      std::cerr << "invar: " << (results.size() > 1 ? which : "") << results[i].error << "\n";
      code = 1;
    }
    return code;
  }

  void PrintResults(const std::vector<GenerateResult>& results, const GenerateTimes& times) const {
    nlohmann::ordered_json json;
    for (size_t i = 0; i < results.size(); ++i) {
      nlohmann::ordered_json one = {{"prompt", prompts_[i].text},
                                    {"prompt_ids", prompts_[i].ids},
                                    {"text", streams_[i].text()},
                                    {"ids", results[i].ids},
                                    {"finish_reason", FinishName(results[i].reason)}};
      if (!results[i].error.empty()) one["error"] = results[i].error;
      if (flags_.log_probabilities) one["logprobs"] = results[i].log_probabilities;
      json["results"].push_back(std::move(one));
    }
    json["isa"] = engine_->kernels().isa();
    json["threads"] = engine_->threads();
    json["prefill"] = {{"tokens", times.prefill_tokens}, {"seconds", Seconds(times.prefill_nanoseconds)}};
    json["decode"] = {{"tokens", times.decode_tokens}, {"seconds", Seconds(times.decode_nanoseconds)}};
    PrintJson(json);
  }

  static void PrintTimes(const GenerateTimes& t) {
    const auto rate = [](size_t tokens, double seconds) { return seconds > 0 ? static_cast<double>(tokens) / seconds : 0; };
    const double prefill = Seconds(t.prefill_nanoseconds), decode = Seconds(t.decode_nanoseconds);
    std::fprintf(stderr, "prefill %zu tokens in %.3f s, %.1f tokens/s; decode %zu tokens in %.3f s, %.1f tokens/s\n",
                 t.prefill_tokens, prefill, rate(t.prefill_tokens, prefill), t.decode_tokens,
                 decode, rate(t.decode_tokens, decode));
  }

  const GenerateFlags& flags_;
  std::filesystem::path path_;
  std::optional<Tokenizer> tokenizer_;
  GenerationConfig generation_;
  std::unique_ptr<Engine> engine_;
  std::vector<Prompt> prompts_;
  std::vector<TextStream> streams_;
  std::string mode_;  // greedy or sampling, and who asked for it
};

}  // namespace

void AddGenerate(CLI::App& app, Action& action) {
  CLI::App* generate = app.add_subcommand("generate", "continue a text, or answer in a chat");
  auto flags = std::make_shared<GenerateFlags>();
  GenerateFlags& f = *flags;
  f.engine.Add(*generate);
  f.prompt.Add(*generate);
  f.ids.Add(*generate);
  generate->add_option("-n,--n-predict", f.max_tokens, "tokens to generate at most; -1: until the model ends")
      ->check(CLI::Validator(CheckInteger, ""))
      ->capture_default_str()
      ->envname("INVAR_N_PREDICT");
  generate->add_option("-s,--seed", f.seed, "seed of the draws, 0 to 2^64 - 1")
      ->capture_default_str()
      ->check(CLI::Validator(CheckSeed, ""))
      ->envname("INVAR_SEED");
  AddNumber(*generate, "--temp,--temperature", f.temperature, "temperature; 0: greedy")->envname("INVAR_TEMP");
  generate->add_option("--top-k", f.top_k, "draw from the k likeliest tokens; 0: off")
      ->check(CLI::Validator(CheckInteger, ""))->envname("INVAR_TOP_K");
  AddNumber(*generate, "--top-p", f.top_p, "draw from the likeliest tokens that make up this share; 1: off")
      ->envname("INVAR_TOP_P");
  AddNumber(*generate, "--min-p", f.min_p, "drop tokens less likely than this share of the likeliest; 0: off")
      ->envname("INVAR_MIN_P");
  AddNumber(*generate, "--repeat-penalty", f.repetition_penalty, "divide the logits of tokens seen; 1: off");
  AddNumber(*generate, "--frequency-penalty", f.frequency_penalty, "subtract this for each time a token was generated");
  AddNumber(*generate, "--presence-penalty", f.presence_penalty, "subtract this where a token was generated");
  generate->add_option("--logit-bias", f.logit_bias, "id=value: add to the logit of a token; may be repeated")
      ->allow_extra_args(false);
  generate->add_option("--stop", f.stop, "stop before this text; may be repeated")->allow_extra_args(false);
  generate->add_flag("--ignore-eos", f.ignore_end, "go on past the model's end tokens");
  generate->add_flag("--chat", f.chat, "each prompt is a user's turn, put through the model's chat template");
  generate->add_option("--system", f.system, "system message of the chat");
  generate->add_option("--messages", f.messages, "file with a JSON array of earlier messages of the chat");
  generate->add_option("--tools", f.tools, "file with a JSON array of tools for the chat template");
  generate->add_option("--date", f.date, "YYYY-MM-DD: what the chat template takes for today");
  generate->add_flag("--no-thinking", f.no_thinking, "tell the chat template enable_thinking=false, where it knows that");
  generate->add_option("--chat-var", f.chat_variables, "name=value for the chat template, such as enable_thinking=false")
      ->allow_extra_args(false);
  generate->add_flag("--no-display-prompt", f.hide_prompt, "print the continuation alone");
  generate->add_flag("--json", f.json, "print JSON when done");
  generate->add_flag("--logprobs", f.log_probabilities, "with --json: the log-probability of each generated token");
  generate->add_option("--receipt", f.receipt, "file to write what invar replay needs to compute this again and compare it")
      ->check(CLI::Validator(CheckOutput, ""));
  generate->add_flag("--profile", f.profile, "also print, on standard error, how long each operation took, in prefill and in decode");
  generate->add_flag("-q,--quiet", f.quiet, "nothing on standard error but errors");
  generate->callback([&action, flags] { action = [flags] { return GenerateCommand(*flags).Run(); }; });
}

}  // namespace invar::cli
