// Whole operations over a team of threads: what a model is assembled from. Each cuts its work along outputs, rows or
// leaves, never within a chain, and calls kernels; none computes anything itself but the angles of rope's tables, one
// multiplication each. A result that shares memory with the rows that it is computed from (x, z, a residual, q), other than as
// said here, is refused: they throw Error. Weights, gains, biases and the KV cache are the caller's to keep apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/base/pages.h"
#include "runtime/kernels/profile.h"
#include "runtime/kernels/selection.h"
#include "runtime/kernels/thread_pool.h"

namespace invar {

// Floats aligned to a cache line, zero at first, that grow and are reused from pass to pass.
class Scratch {
 public:
  // At least `size` floats; what was in them is lost when they grow. Throws std::bad_alloc.
  float* Get(size_t size);

 private:
  Pages data_;
  size_t size_ = 0;
};

// A projection: y = x w^T + bias, weights packed as panels (invar_pack_panels).
struct Linear {
  invar_type type = INVAR_F32;
  uint64_t n = 0;  // outputs
  uint64_t k = 0;  // inputs
  const void* packed = nullptr;
  const float* bias = nullptr;  // [n] or null
};

// Rows of floats, `stride` apart.
struct Rows {
  float* data = nullptr;
  int64_t stride = 0;
  float* row(size_t i) const { return data + static_cast<int64_t>(i) * stride; }
};

// So many rows in a buffer, each from the beginning of a line of cache and an odd number of lines apart: a column of them, which is
// how a tile is written, falls into as many sets of the cache as there are. Rows a power of two apart share a few.
Rows RowsOf(Scratch& scratch, size_t rows, size_t columns);

// What every operation needs to run.
struct Context {
  const Kernels& kernels;
  Team& team;
  Scratch& packed_rows;  // matmul's packed left-hand side
  Profile* profile = nullptr;  // where a model's spans go (profile.h); null: nowhere
};

// y[m][n] = (residual +) act(matmul + bias). residual may be y itself.
void Matmul(const Context&, const Linear&, size_t rows, const Rows& x, const Rows& y,
            invar_activation activation = INVAR_ACTIVATION_NONE, const Rows* residual = nullptr);

// Several of them over the same rows, at least one: x is packed once, and threads wait for one another once.
struct Product {
  const Linear* w;
  Rows y;
  invar_activation activation = INVAR_ACTIVATION_NONE;
  const Rows* residual = nullptr;
};
void Matmuls(const Context&, size_t rows, const Rows& x, const std::vector<Product>& products);

// One of the row kernels over `rows` rows of n. y may be x itself.
using RowsKernel = void (*)(const invar_rows_args*);
void ForEachRow(const Context&, RowsKernel, size_t rows, size_t n, const Rows& x, const float* gain, const float* bias,
                float epsilon, const Rows& y);

// y = f(x, z) over rows of n. y may be x or z itself.
using MapKernel = void (*)(const invar_map_args*);
void MapRows(const Context&, MapKernel, size_t rows, size_t n, const Rows& x, const Rows& z, const Rows& y);

// Rope's tables (contract, section 3): angle = position * frequency, rounded to binary32, of each row and each of the n
// frequencies; its cosine and sine, each times yarn's attention factor.
void RotaryTables(const Context&, size_t rows, const uint32_t* positions, size_t n, const float* frequencies,
                  float attention_factor, const Rows& cosine, const Rows& sine);

// The keys and values of one layer of one sequence, in blocks of one leaf of 256 positions:
// keys [kv_heads][16 panels][d][16 positions], values [kv_heads][ceil(d / 16) panels][256 positions][16 elements].
struct KvBlock {
  float* keys;
  float* values;
};

// One sequence's part of an attention call.
struct AttentionSequence {
  size_t first_row;             // of the batch's q and y
  size_t rows;                  // query positions: [position, position + rows)
  size_t position;
  const KvBlock* blocks;        // leaves of 256 positions, from position 0
};

struct AttentionShape {
  size_t heads;
  size_t kv_heads;
  size_t d;
  float scale;
  size_t window;  // positions seen, the query's own included; 0: all before it
};

// Writes the keys and values of `rows` positions from `position` on into the blocks. k and v: [rows][kv_heads * d], of
// this sequence alone.
void StoreKeysAndValues(const Context&, const AttentionShape&, const AttentionSequence&, const Rows& k, const Rows& v);

// y[row][heads * d] = attention of q[row][heads * d] (contract, section 3, "Attention").
void Attention(const Context&, const AttentionShape&, const std::vector<AttentionSequence>&, const Rows& q,
               const Rows& y);

}  // namespace invar
