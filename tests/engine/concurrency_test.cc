// One engine, thousands of callers: each gets the single caller's bits, and their forward passes overlap.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/model/bundled.h"

namespace invar::testing {
namespace {

TEST(Concurrency, TwoThousandCallersGetTheSingleCallersBits) {
  const size_t callers = SmallScale() ? 100 : 2000;
  const Engine& engine = EngineOf("qwen3");
  std::vector<std::vector<int32_t>> texts;
  std::vector<std::vector<float>> expected;
  for (size_t i = 0; i < 7; ++i) {
    texts.push_back(RandomIds(engine, 2 + 3 * i, i));
    expected.push_back(Logits(engine, texts.back(), {}));
  }
  std::atomic<size_t> wrong{0}, values{0}, ready{0}, inside{0}, most_inside{0};
  std::vector<std::thread> threads;
  for (size_t i = 0; i < callers; ++i) {
    threads.emplace_back([&, i] {
      ready.fetch_add(1);
      while (ready.load() < callers) std::this_thread::yield();
      Feeding feeding;
      feeding.chunk = i % 4;
      feeding.threads = static_cast<int>(i % 3) * 2;
      const size_t now = inside.fetch_add(1) + 1;
      for (size_t seen = most_inside.load(); seen < now && !most_inside.compare_exchange_weak(seen, now);) {
      }
      const std::vector<float> found = Logits(engine, texts[i % texts.size()], feeding);
      inside.fetch_sub(1);
      const std::vector<float>& wanted = expected[i % texts.size()];
      values.fetch_add(found.size());
      if (found.size() != wanted.size() ||
          std::memcmp(found.data(), wanted.data(), found.size() * sizeof(float)) != 0) {
        wrong.fetch_add(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0u);
  std::printf("[ COMPARED ] %zu values bit by bit: %zu concurrent callers, at most %zu at once\n", values.load(), callers,
              most_inside.load());
}

// Waits in the middle of a forward pass until all the others are in theirs: with a lock around a pass, nobody would come.
class Rendezvous final : public Observer {
 public:
  struct Place {
    std::mutex mutex;
    std::condition_variable changed;
    size_t arrived = 0;
    size_t expected = 0;
    bool failed = false;
  };
  explicit Rendezvous(Place& place) : place_(place) {}
  void OnTensor(const char*, int layer, size_t, size_t, const float*, int64_t) override {
    if (layer != 1 || waited_) return;
    waited_ = true;
    std::unique_lock<std::mutex> lock(place_.mutex);
    ++place_.arrived;
    place_.changed.notify_all();
    if (!place_.changed.wait_for(lock, std::chrono::seconds(60), [this] { return place_.arrived >= place_.expected; })) {
      place_.failed = true;
    }
  }

 private:
  Place& place_;
  bool waited_ = false;
};

TEST(Concurrency, ForwardPassesOverlap) {
  const Engine& engine = EngineOf("gpt2");
  const std::vector<int32_t> ids = RandomIds(engine, 11);
  const std::vector<float> expected = Logits(engine, ids, {});
  Rendezvous::Place place;
  place.expected = 50;
  std::atomic<size_t> wrong{0};
  std::vector<std::thread> threads;
  for (size_t i = 0; i < place.expected; ++i) {
    threads.emplace_back([&] {
      Rendezvous observer(place);
      Feeding feeding;
      feeding.observer = &observer;
      const std::vector<float> found = Logits(engine, ids, feeding);
      if (std::memcmp(found.data(), expected.data(), expected.size() * sizeof(float)) != 0) wrong.fetch_add(1);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(place.failed) << "only " << place.arrived << " passes were under way at once";
  EXPECT_EQ(wrong.load(), 0u);
  std::printf("%zu forward passes were inside the model at the same moment\n", place.arrived);
}

}  // namespace
}  // namespace invar::testing
