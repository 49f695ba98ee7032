// A loaded model with the threads and kernels it runs on. One engine serves any number of callers at once: a forward
// pass takes no lock but to borrow its buffers.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/kernels/selection.h"
#include "runtime/kernels/thread_pool.h"
#include "runtime/model/model.h"

namespace invar {

struct EngineOptions {
  std::string isa;  // empty: the best this processor supports
  int threads = 0;  // 0: as many as this process may use
  LoadOptions load = {};
};

class Engine {
 public:
  // Throws Error or UsageError.
  Engine(const std::filesystem::path& model_directory, const EngineOptions& options);

  const Model& model() const { return *model_; }
  const Kernels& kernels() const { return *kernels_; }
  int threads() const { return pool_.threads(); }
  size_t vocab_size() const { return model_->config().vocab_size; }

  // How one forward pass is to run; none of it changes a bit.
  struct Run {
    const Kernels* kernels = nullptr;  // null: the engine's
    int threads = 0;                   // 0: the engine's
    Observer* observer = nullptr;
    std::vector<std::string>* failures = nullptr;  // of sequences that fail on their own (Model::Forward)
    Profile* profile = nullptr;                    // takes the times of the pass's operations
  };

  // logits: [wanted rows of all inputs][vocab_size].
  void Forward(const std::vector<SequenceInput>& batch, float* logits, const Run& run) const;
  void Forward(const std::vector<SequenceInput>& batch, float* logits) const { Forward(batch, logits, Run()); }

 private:
  // Buffers wait here between passes.
  std::unique_ptr<ForwardBuffers> Borrow() const;
  void GiveBack(std::unique_ptr<ForwardBuffers> buffers) const;

  mutable ThreadPool pool_;
  const Kernels* kernels_;
  std::unique_ptr<Model> model_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<ForwardBuffers>> spare_;
};

}  // namespace invar
