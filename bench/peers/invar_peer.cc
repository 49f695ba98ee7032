// Invar's side of ./run bench-peers: the same questions that the other engines' workers are asked, over Model's API.
//
//   invar_peer --threads N [--isa NAME]
//
// One JSON object a line on standard input, one on standard output for each; an answer {"error": "..."} ends nothing.
//   {"op": "load", "path": P}                                          {"seconds", "vocab"}
//   {"op": "prefill", "ids": [n]}                                      {"seconds", "flops", "bytes"}
//   {"op": "decode", "context": [batch][n], "steps": [s]}              {"seconds": of one step, "flops", "bytes"}
//   {"op": "logits", "sequences": [batch][n], "row": r, "cuts": [c], "forced": [f], "file": F}
//       writes row r's logits after the prompt and after each forced token, binary32 [1 + f][vocab]  {"values"}
//   {"op": "matmul", "m", "n", "k", "type": "f32" | "bf16" | "f16", "repeats", "cached": true | false}
//       weights from memory, or the same again and again            {"seconds": of one, "flops"}
//   {"op": "ceilings"}                                                 {"fma": FLOP/s, "read": byte/s}
// Times of one thread are the process's processor time, which does not count what other programs took of the core; those
// of more are the wall clock's. The peers' worker.py does the same.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "bench/ceilings.h"
#include "bench/kernel_calls.h"
#include "runtime/base/error.h"
#include "runtime/kernels/selection.h"
#include "runtime/model/arena.h"
#include "runtime/model/config.h"
#include "runtime/model/model.h"

namespace invar::bench {
namespace {

using Json = nlohmann::json;
using Ids = std::vector<int32_t>;

double WallClock() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Every sequence's cache, fed side by side as one batch.
class Sequences {
 public:
  Sequences(const Model& model, size_t batch) : model_(model), logits_(batch * model.config().vocab_size) {
    for (size_t i = 0; i < batch; ++i) caches_.push_back(model.NewCache());
  }

  // ids: [batch][count], any count that all rows share. Leaves the logits of each row's last token.
  void Feed(const Kernels& kernels, Team& team, ForwardBuffers& buffers, const std::vector<Ids>& ids) {
    std::vector<SequenceInput> batch;
    for (size_t i = 0; i < ids.size(); ++i) batch.push_back({&caches_[i], ids[i].data(), ids[i].size(), ids[i].size() - 1});
    model_.Forward(kernels, team, batch, buffers, logits_.data());
  }

  const float* logits(size_t row) const { return logits_.data() + row * model_.config().vocab_size; }

 private:
  const Model& model_;
  std::vector<KvCache> caches_;
  std::vector<float> logits_;
};

class Worker {
 public:
  Worker(int threads, const std::string& isa) : pool_(threads), kernels_(Kernels::Of(isa)) {}

  Json Answer(const Json& asked) {
    const std::string op = asked.at("op");
    if (op == "load") return Load(asked);
    if (op == "matmul") return TimeMatmul(asked);
    if (op == "ceilings") {
      Team team(pool_, pool_.threads());
      // The best of a few slices: on a shared machine a slice of a millisecond is easily cut in two.
      double fma = 0, read = 0;
      for (int slice = 0; slice < 8; ++slice) {
        fma = std::max(fma, TheCeilings().Fma(kernels_.isa(), team));
        read = std::max(read, TheCeilings().Read(team));
      }
      return {{"fma", fma}, {"read", read}, {"isa", kernels_.isa()}};
    }
    if (model_ == nullptr) throw UsageError("'" + op + "' was asked before 'load'");
    if (op == "prefill") return Prefill(asked);
    if (op == "decode") return Decode(asked);
    if (op == "logits") return WriteLogits(asked);
    throw UsageError("there is no op '" + op + "'");
  }

 private:
  Json Load(const Json& asked) {
    const double start = Now();
    model_ = Model::Load(asked.at("path").get<std::string>(), pool_);
    return {{"seconds", Now() - start}, {"vocab", model_->config().vocab_size}};
  }

  Json Prefill(const Json& asked) {
    Team team(pool_, pool_.threads());
    const std::vector<Ids> ids = {asked.at("ids").get<Ids>()};
    Sequences sequences(*model_, 1);
    const double start = Now();
    sequences.Feed(kernels_, team, buffers_, ids);
    return Timed(Now() - start, 1, 0, ids[0].size());
  }

  Json Decode(const Json& asked) {
    Team team(pool_, pool_.threads());
    const auto context = asked.at("context").get<std::vector<Ids>>();
    const Ids steps = asked.at("steps").get<Ids>();
    Sequences sequences(*model_, context.size());
    sequences.Feed(kernels_, team, buffers_, context);
    std::vector<Ids> step(context.size(), Ids(1, steps.at(0)));
    sequences.Feed(kernels_, team, buffers_, step);  // as the others: the first step may make buffers
    const double start = Now();
    for (const int32_t id : steps) {
      for (Ids& row : step) row[0] = id;
      sequences.Feed(kernels_, team, buffers_, step);
    }
    const double each = (Now() - start) / static_cast<double>(steps.size());
    return Timed(each, context.size(), context[0].size() + 1 + steps.size() / 2, 1);
  }

  Json WriteLogits(const Json& asked) {
    Team team(pool_, pool_.threads());
    const auto prompts = asked.at("sequences").get<std::vector<Ids>>();
    const size_t row = asked.at("row"), vocab = model_->config().vocab_size;
    Sequences sequences(*model_, prompts.size());
    std::vector<Ids> piece(prompts.size());
    size_t at = 0;
    for (const size_t count : asked.at("cuts").get<std::vector<size_t>>()) {
      for (size_t i = 0; i < prompts.size(); ++i) {
        const auto begin = prompts[i].begin() + static_cast<ptrdiff_t>(at);
        piece[i].assign(begin, begin + static_cast<ptrdiff_t>(count));
      }
      sequences.Feed(kernels_, team, buffers_, piece);
      at += count;
    }
    std::vector<float> kept(sequences.logits(row), sequences.logits(row) + vocab);
    for (const int32_t id : asked.at("forced").get<Ids>()) {
      for (Ids& ids : piece) ids.assign(1, id);
      sequences.Feed(kernels_, team, buffers_, piece);
      kept.insert(kept.end(), sequences.logits(row), sequences.logits(row) + vocab);
    }
    const std::string file = asked.at("file");
    std::ofstream out(file, std::ios::binary);
    out.write(reinterpret_cast<const char*>(kept.data()), static_cast<std::streamsize>(kept.size() * sizeof(float)));
    out.close();
    if (!out) throw Error(file + ": cannot be written");
    return {{"values", kept.size()}};
  }

  // Multiply-adds and bytes of `batch` sequences' `count` tokens after `position`: what the machine's ceilings divide.
  Json Timed(double seconds, size_t batch, size_t position, size_t count) const {
    const ModelConfig& c = model_->config();
    const double width = static_cast<double>(c.hidden_size), inner = static_cast<double>(c.intermediate_size);
    const double q = static_cast<double>(c.heads * c.head_dim), kv = static_cast<double>(c.kv_heads * c.head_dim);
    const double mlp = (c.architecture == Architecture::kGpt2 ? 2 : 3) * width * inner;
    const double layers = static_cast<double>(c.layers) * (width * (q + 2 * kv) + q * width + mlp);
    const double head = static_cast<double>(c.vocab_size) * width;
    const double from = static_cast<double>(position), to = static_cast<double>(position + count);
    const double rows = static_cast<double>(batch);
    const double attention = 2.0 * static_cast<double>(c.layers) * q * (to * (to + 1) - from * (from + 1));
    const double element =
        static_cast<double>(model_->weight_bytes()) < 3.0 * static_cast<double>(model_->parameters()) ? 2 : 4;
    return {{"seconds", seconds},
            {"flops", rows * (2 * (layers * static_cast<double>(count) + head) + attention)},
            {"bytes", (layers + head) * element + rows * 8.0 * static_cast<double>(c.layers) * kv * to}};
  }

  Json TimeMatmul(const Json& asked) {
    Team team(pool_, pool_.threads());
    const size_t m = asked.at("m"), n = asked.at("n"), k = asked.at("k"), repeats = asked.at("repeats");
    const std::string name = asked.at("type");
    const invar_type type = name == "bf16" ? INVAR_BF16 : name == "f16" ? INVAR_F16 : INVAR_F32;
    const bool cached = asked.value("cached", false);
    const size_t bytes = (invar_packed_size(n, k) * TypeSize(type) + 63) / 64 * 64;
    if (weights_ == nullptr) {
      weight_bytes_ = std::max(size_t{256} << 20, 4 * LastLevelCache());
      weights_ = static_cast<uint16_t*>(arena_.Allocate(weight_bytes_));
      FillWeights(weights_, weight_bytes_ / 2);
    }
    Scratch rows_in, rows_out;  // as a model's lie
    const Rows x = RowsOf(rows_in, m, k), y = RowsOf(rows_out, m, n);
    const std::vector<float> values = Values(m * k, -1, 1);
    for (size_t i = 0; i < m; ++i) std::copy_n(&values[i * k], k, x.row(i));
    std::vector<double> times;
    for (size_t i = 0; i <= repeats; ++i) {  // the first, which grows the buffers, does not count
      if (at_ + bytes > weight_bytes_) at_ = 0;
      const Linear linear = {type, n, k, reinterpret_cast<const char*>(weights_) + at_, nullptr};
      if (!cached) at_ += bytes;
      const double start = Now();
      Matmul({kernels_, team, packed_rows_}, linear, m, x, y);
      if (i > 0) times.push_back(Now() - start);
    }
    return {{"seconds", Median(times)}, {"flops", 2.0 * static_cast<double>(m) * static_cast<double>(n * k)}};
  }

  double Now() const {
    if (pool_.threads() > 1) return WallClock();
    timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  }

  ThreadPool pool_;
  const Kernels& kernels_;
  std::unique_ptr<Model> model_;
  ForwardBuffers buffers_;
  Scratch packed_rows_;
  Arena arena_;
  uint16_t* weights_ = nullptr;  // more than any cache holds: used in turn, they come from memory, as a model's do
  size_t weight_bytes_ = 0, at_ = 0;
};

int Main(int argc, char** argv) {
  int threads = 1;
  std::string isa;
  for (int i = 1; i < argc; i += 2) {
    const std::string flag = argv[i];
    if (i + 1 == argc || (flag != "--threads" && flag != "--isa")) {
      throw UsageError("usage: invar_peer --threads N [--isa NAME], and one JSON object a line on standard input");
    }
    if (flag == "--isa") {
      isa = argv[i + 1];
    } else {
      threads = std::atoi(argv[i + 1]);
      if (threads < 1 || threads > 1024) {
        throw UsageError("--threads " + std::string(argv[i + 1]) + ": give a number from 1 to 1024");
      }
    }
  }
  Worker worker(threads, isa);
  for (std::string line; std::getline(std::cin, line);) {
    Json answer;
    try {
      answer = worker.Answer(Json::parse(line));
    } catch (const std::exception& e) {
      answer = {{"error", e.what()}};
    }
    std::cout << answer.dump() << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace invar::bench

int main(int argc, char** argv) {
  try {
    return invar::bench::Main(argc, argv);
  } catch (const invar::UsageError& e) {
    std::fprintf(stderr, "invar_peer: %s\n", e.what());
    return 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "invar_peer: %s\n", e.what());
    return 1;
  }
}
