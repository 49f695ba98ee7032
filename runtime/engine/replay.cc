#include "runtime/engine/replay.h"

#include <algorithm>
#include <optional>

#include "runtime/base/error.h"
#include "runtime/base/sha256.h"

namespace invar {
namespace {

// One sequence on its way.
class Track {
 public:
  Track(const SequenceReceipt& receipt, size_t sequence) : receipt_(receipt), sequence_(sequence) {}

  void Step(const GenerateStep& step, size_t vocab_size) {
    if (difference_) return;
    ReplayStep found = {Fingerprint(step.logits, vocab_size), step.id, ""};
    if (steps_ >= receipt_.logits.size() || found.logits != receipt_.logits[steps_] || found.id != receipt_.TokenOf(steps_)) {
      Part(std::move(found));
      return;
    }
    ++steps_;
  }

  // Whether the sequence is to go on after a token.
  bool GoesOn() const {
    return !difference_ && !(receipt_.reason == FinishReason::kStopped && steps_ == receipt_.logits.size());
  }

  void End(const GenerateResult& result) {
    if (difference_) {
      // It was stopped for that, unless it ended so by itself.
      if (result.reason != FinishReason::kStopped) difference_->found.finish = FinishName(result.reason);
      return;
    }
    if (steps_ == receipt_.logits.size() && result.reason == receipt_.reason) return;
    // A forward pass that failed made no step; what ended otherwise did so with the last one.
    const bool at_last = steps_ == receipt_.logits.size() && steps_ > 0;
    if (at_last) --steps_;
    Part(at_last ? ReplayStep{receipt_.logits[steps_], receipt_.TokenOf(steps_), FinishName(result.reason)}
                 : ReplayStep{"", -1, FinishName(result.reason)});
  }

  size_t steps() const { return steps_; }
  const std::optional<ReplayDifference>& difference() const { return difference_; }

 private:
  void Part(ReplayStep found) {
    const bool there = steps_ < receipt_.logits.size(), last = steps_ + 1 >= receipt_.logits.size();
    difference_ = {sequence_, steps_, receipt_.request.prompt.size() + steps_,
                   {there ? receipt_.logits[steps_] : "", receipt_.TokenOf(steps_), last ? FinishName(receipt_.reason) : ""},
                   std::move(found)};
  }

  const SequenceReceipt& receipt_;
  size_t sequence_;
  size_t steps_ = 0;  // that are the same
  std::optional<ReplayDifference> difference_;
};

// What Generate would find only on its way, or call the caller's mistake. An end token outside the vocabulary is none: no step can
// draw it, and receipts of small models have had such.
void RequirePossible(const Receipt& receipt, size_t vocab_size) {
  const auto require = [&](size_t sequence, const char* what, int32_t id) {
    if (id >= 0 && static_cast<size_t>(id) < vocab_size) return;
    throw Error("sequence " + std::to_string(sequence + 1) + " of the receipt has the " + what + " " + std::to_string(id) +
                ", which is outside the model's vocabulary of " + std::to_string(vocab_size) + "; get the original");
  };
  for (size_t i = 0; i < receipt.sequences.size(); ++i) {
    const GenerateRequest& request = receipt.sequences[i].request;
    for (const int32_t id : request.prompt) require(i, "prompt id", id);
    for (const auto& [id, bias] : request.sampling.logit_bias) require(i, "logit bias of token", id);
  }
}

}  // namespace

ReplayResult Replay(const Engine& engine, const Receipt& receipt, size_t batch) {
  const size_t vocab = engine.vocab_size(), count = receipt.sequences.size();
  RequirePossible(receipt, vocab);
  ReplayResult replayed;
  for (size_t begin = 0; begin < count; begin += batch == 0 ? count : batch) {
    const size_t end = batch == 0 ? count : std::min(count, begin + batch);
    std::vector<GenerateRequest> requests;
    std::vector<Track> tracks;
    for (size_t i = begin; i < end; ++i) {
      requests.push_back(receipt.sequences[i].request);
      tracks.emplace_back(receipt.sequences[i], i);
    }
    const std::vector<GenerateResult> results = Generate(
        engine, requests, [&](size_t i, int32_t, float) { return tracks[i].GoesOn(); }, nullptr,
        [&](const GenerateStep& step) { tracks[step.request].Step(step, vocab); });
    for (size_t i = 0; i < tracks.size(); ++i) {
      tracks[i].End(results[i]);
      replayed.steps += tracks[i].steps();
      if (tracks[i].difference()) replayed.differences.push_back(*tracks[i].difference());
    }
  }
  return replayed;
}

}  // namespace invar
