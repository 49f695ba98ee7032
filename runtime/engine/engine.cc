#include "runtime/engine/engine.h"

#include "runtime/base/error.h"

namespace invar {
namespace {

constexpr int kMostThreads = 1024;

int ThreadsFor(const EngineOptions& options) {
  if (options.threads < 0 || options.threads > kMostThreads) {
    throw UsageError("the number of threads must be between 1 and " + std::to_string(kMostThreads) +
                     ", or 0 for as many as there are processors");
  }
  return options.threads == 0 ? AvailableThreads() : options.threads;
}

// Buffers of this many passes are kept for later ones.
constexpr size_t kMostSpare = 64;

}  // namespace

Engine::Engine(const std::filesystem::path& model_directory, const EngineOptions& options)
    : pool_(ThreadsFor(options)), kernels_(&Kernels::Of(options.isa)), model_(Model::Load(model_directory, pool_, options.load)) {}

std::unique_ptr<ForwardBuffers> Engine::Borrow() const {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!spare_.empty()) {
      std::unique_ptr<ForwardBuffers> buffers = std::move(spare_.back());
      spare_.pop_back();
      return buffers;
    }
  }
  return std::make_unique<ForwardBuffers>();
}

void Engine::GiveBack(std::unique_ptr<ForwardBuffers> buffers) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (spare_.size() < kMostSpare) spare_.push_back(std::move(buffers));
}

void Engine::Forward(const std::vector<SequenceInput>& batch, float* logits, const Run& run) const {
  std::unique_ptr<ForwardBuffers> buffers = Borrow();
  {
    Team team(pool_, run.threads == 0 ? pool_.threads() : run.threads);
    model_->Forward(run.kernels == nullptr ? *kernels_ : *run.kernels, team, batch, *buffers, logits, run.observer,
                    run.failures, run.profile);
  }
  GiveBack(std::move(buffers));
}

}  // namespace invar
