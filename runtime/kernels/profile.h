// Where a forward pass spends its time: spans around the operations of a model. Where nobody asked there is no profile,
// and a span is a comparison with null.
//
// Times are integers: the caller's floating-point mode is none of their business.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace invar {

enum class ProfiledKind { kMatmul, kAttention, kKvStore, kSoftmax, kNorm, kRope, kActivation, kEmbedding, kSampling };

class Profile {
 public:
  struct Entry {
    ProfiledKind kind;
    std::string name;  // "q_proj"
    uint64_t calls = 0;
    int64_t nanoseconds = 0;
  };

  // One caller at a time: spans lie on the thread that runs the pass, around what all of its team do.
  void Add(ProfiledKind kind, std::string_view name, int64_t nanoseconds);
  // Weights that attention's softmax computed: pairs of a query of some head and a position that it sees.
  void AddAttentionWeights(uint64_t count) { attention_weights_ += count; }

  // In the order in which they were first met.
  const std::vector<Entry>& entries() const { return entries_; }
  uint64_t attention_weights() const { return attention_weights_; }

 private:
  std::vector<Entry> entries_;
  uint64_t attention_weights_ = 0;
};

// From its construction to its end. `name` outlives it.
class ProfileSpan {
 public:
  ProfileSpan(Profile* profile, ProfiledKind kind, std::string_view name) : profile_(profile), kind_(kind), name_(name) {
    if (profile_ != nullptr) start_ = std::chrono::steady_clock::now();
  }
  ~ProfileSpan() {
    if (profile_ == nullptr) return;
    const std::chrono::nanoseconds spent = std::chrono::steady_clock::now() - start_;
    profile_->Add(kind_, name_, spent.count());
  }
  ProfileSpan(const ProfileSpan&) = delete;
  ProfileSpan& operator=(const ProfileSpan&) = delete;

 private:
  Profile* profile_;
  ProfiledKind kind_;
  std::string_view name_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace invar
