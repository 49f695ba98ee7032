#include "runtime/engine/generate.h"

#include <algorithm>
#include <chrono>

#include "runtime/base/error.h"
#include "runtime/base/memory.h"
#include "runtime/engine/score.h"

namespace invar {
namespace {

// Tokens of a prompt fed at once: bounds the buffers of a long prompt, and nothing else.
constexpr size_t kPrefillChunk = 512;

int64_t Nanoseconds() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Sequence {
  const GenerateRequest* request;
  size_t index;
  KvCache cache;
  TokenCounts counts;
  GenerateResult result;
  int32_t last = -1;
  size_t limit;  // tokens to generate at most
  bool done = false;
};

class Generation {
 public:
  Generation(const Engine& engine, const std::vector<GenerateRequest>& requests, const OnToken& on_token,
             const OnStep& on_step, GenerateProfile* profile)
      : engine_(engine), on_token_(on_token), on_step_(on_step), profile_(profile) {
    const size_t positions = engine.model().config().max_positions;
    for (size_t i = 0; i < requests.size(); ++i) {
      const GenerateRequest& r = requests[i];
      r.sampling.Check();
      if (r.prompt.empty()) throw UsageError("the prompt is empty, so there is nothing to continue; give some text");
      if (r.prompt.size() > positions) {
        throw Error("the prompt has " + std::to_string(r.prompt.size()) + " tokens, more than the " +
                    std::to_string(positions) + " positions of the model; shorten it");
      }
      // The last token chosen need not be fed: one more than the free positions can be generated.
      const size_t room = positions - r.prompt.size() + 1;
      sequences_.push_back({&r, i, engine.model().NewCache(), {}, {}, -1,
                            r.max_tokens == 0 ? room : std::min(room, r.max_tokens)});
      for (const int32_t id : r.prompt) sequences_.back().counts.AddPrompt(id);
    }
    // What is certain to be needed; whether there is room for more is asked as texts grow.
    uint64_t bytes = SaturatingMultiply(requests.size(), engine.vocab_size() * sizeof(float));
    for (const Sequence& s : sequences_) bytes = SaturatingAdd(bytes, s.cache.MissingBytes(s.request->prompt.size()));
    RequireMemory(bytes, "the keys and values of " + std::to_string(requests.size()) + " prompts need",
                  "give fewer or shorter prompts at once");
  }

  void Prefill() {
    phase_ = profile_ == nullptr ? nullptr : &profile_->prefill;
    size_t longest = 0;
    for (const Sequence& s : sequences_) longest = std::max(longest, s.request->prompt.size());
    std::vector<Sequence*> ready;
    for (size_t begin = 0; begin < longest; begin += kPrefillChunk) {
      std::vector<SequenceInput> batch;
      std::vector<Sequence*> fed;
      ready.clear();
      for (Sequence& s : sequences_) {
        const std::vector<int32_t>& prompt = s.request->prompt;
        if (begin >= prompt.size() || s.done) continue;
        const size_t count = std::min(kPrefillChunk, prompt.size() - begin);
        const bool last = begin + count == prompt.size();
        batch.push_back({&s.cache, prompt.data() + begin, count, last ? count - 1 : count});
        fed.push_back(&s);
        if (last) ready.push_back(&s);
      }
      logits_.resize(ready.size() * engine_.vocab_size());
      Forward(batch, fed);
      Choose(ready);
    }
  }

  // One token for each sequence that goes on; false when none does.
  bool Step() {
    phase_ = profile_ == nullptr ? nullptr : &profile_->decode;
    std::vector<SequenceInput> batch;
    std::vector<Sequence*> active;
    for (Sequence& s : sequences_) {
      if (s.done) continue;
      batch.push_back({&s.cache, &s.last, 1, 0});
      active.push_back(&s);
    }
    if (active.empty()) return false;
    logits_.resize(active.size() * engine_.vocab_size());
    Forward(batch, active);
    Choose(active);
    return true;
  }

  std::vector<GenerateResult> Results() {
    std::vector<GenerateResult> results;
    for (Sequence& s : sequences_) results.push_back(std::move(s.result));
    return results;
  }

  size_t prompt_tokens() const {
    size_t count = 0;
    for (const Sequence& s : sequences_) count += s.request->prompt.size();
    return count;
  }
  size_t generated_tokens() const {
    size_t count = 0;
    for (const Sequence& s : sequences_) count += s.result.ids.size();
    return count;
  }

 private:
  static void Fail(Sequence& s, const std::string& why) {
    s.result.reason = FinishReason::kError;
    s.result.error = why;
    s.done = true;
  }

  void Forward(const std::vector<SequenceInput>& batch, const std::vector<Sequence*>& sequences) {
    std::vector<std::string> failures;
    Engine::Run run;
    run.failures = &failures;
    run.profile = phase_;
    engine_.Forward(batch, logits_.data(), run);
    for (size_t i = 0; i < failures.size(); ++i) {
      if (!failures[i].empty()) Fail(*sequences[i], failures[i]);
    }
  }

  void Choose(const std::vector<Sequence*>& sequences) {
    const size_t vocab = engine_.vocab_size();
    for (size_t i = 0; i < sequences.size(); ++i) {
      Sequence& s = *sequences[i];
      if (s.done) continue;  // it has failed
      const float* row = logits_.data() + i * vocab;
      const uint32_t position = static_cast<uint32_t>(s.cache.length());
      int32_t id = -1;
      try {
        const ProfileSpan span(phase_, ProfiledKind::kSampling, "sampling");
        id = SampleToken(engine_.kernels(), s.request->sampling, row, vocab, s.counts, position);
      } catch (const UsageError&) {
        throw;  // of the request: nothing was generated yet
      } catch (const Error& e) {
        Fail(s, e.what());
      }
      if (on_step_) on_step_({s.index, position, row, id});
      if (s.done) continue;
      const std::vector<int32_t>& ends = s.request->end_tokens;
      if (std::find(ends.begin(), ends.end(), id) != ends.end()) {
        s.result.reason = FinishReason::kEndToken;
        s.done = true;
        continue;
      }
      s.last = id;
      s.counts.AddGenerated(id);
      s.result.ids.push_back(id);
      {
        const ProfileSpan span(phase_, ProfiledKind::kSampling, "log-probability");
        s.result.log_probabilities.push_back(LogProbability(engine_.kernels(), row, vocab, id));
      }
      if (on_token_ && !on_token_(s.index, id, s.result.log_probabilities.back())) {
        s.result.reason = FinishReason::kStopped;
        s.done = true;
      } else if (s.result.ids.size() >= s.limit) {
        s.done = true;
      }
    }
  }

  const Engine& engine_;
  const OnToken& on_token_;
  const OnStep& on_step_;
  GenerateProfile* profile_;
  Profile* phase_ = nullptr;  // of the phase at work; null: not wanted
  std::vector<Sequence> sequences_;
  std::vector<float> logits_;
};

}  // namespace

std::vector<GenerateResult> Generate(const Engine& engine, const std::vector<GenerateRequest>& requests,
                                     const OnToken& on_token, GenerateTimes* times, const OnStep& on_step,
                                     GenerateProfile* profile) {
  Generation generation(engine, requests, on_token, on_step, profile);
  const int64_t start = Nanoseconds();
  generation.Prefill();
  const int64_t prefilled = Nanoseconds();
  const size_t first_tokens = generation.generated_tokens();
  while (generation.Step()) {
  }
  if (times != nullptr) {
    *times = {prefilled - start, Nanoseconds() - prefilled, generation.prompt_tokens(),
              generation.generated_tokens() - first_tokens};
  }
  return generation.Results();
}

}  // namespace invar
