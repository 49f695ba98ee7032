/* Invar's kernels: one reduction order, any processor, the same bits.
 *
 * Every function here is pure: it reads its arguments, writes its destination, and neither allocates, starts a thread,
 * keeps state, nor throws. The caller owns all memory, decides how the work is split, and may call from any thread;
 * however it splits, no bit changes. Each function sets the floating-point mode the contract asks for
 * (docs/numerics.md, section 1) and restores the caller's before it returns.
 *
 * Conventions, unless a member's comment says otherwise:
 *  - A stride counts elements, not bytes; rows lie `stride` elements apart; a row itself is contiguous.
 *  - No alignment is required beyond that of the element type; 64 bytes is merely faster.
 *  - The destination is written, never read, and must not overlap a source, except where it is said to be allowed.
 *  - Sizes may be zero: an empty sum is +0, an empty destination is left alone.
 *  - Arguments may gain members at their end: zero a structure whole before filling it in, and let the header and the library
 *    be of one release.
 *  - Subnormals are kept, infinities propagate, and a NaN is stored as 0x7FC00000.
 */
#ifndef INVAR_KERNELS_H_
#define INVAR_KERNELS_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of docs/numerics.md whose bits these kernels have. */
#define INVAR_CONTRACT_VERSION 1

/* Outputs in one panel of packed weights; also the lanes of a row reduction (contract, section 2). */
#define INVAR_PANEL 16

/* Positions in one leaf of attention and terms in one leaf of a row reduction (contract, section 2). */
#define INVAR_LEAF 256

typedef enum invar_type { INVAR_F32 = 0, INVAR_BF16 = 1, INVAR_F16 = 2 } invar_type;

typedef enum invar_activation {
  INVAR_ACTIVATION_NONE = 0,
  INVAR_ACTIVATION_GELU_TANH,
  INVAR_ACTIVATION_GELU_ERF,
  INVAR_ACTIVATION_QUICK_GELU,
  INVAR_ACTIVATION_SILU,
  INVAR_ACTIVATION_RELU,
  INVAR_ACTIVATION_TANH
} invar_activation;

/* matmul: dst[m][n] = residual[m][n] + act(chain tree over k of lhs[m][k] * rhs[n][k], + bias[n])
 * (contract, section 3, "matmul"; activation and residual are the separate operations of the same section, in the order
 * and with the roundings they would have as separate calls).
 *
 * One call computes tiles of `rows` rows each (invar_kernel.rows: fixed for each kernel), as many as `tiles` says, and the
 * panels [panel_begin, panel_end). Panels and tiles are independent: split them among threads in any way; a multiple of
 * invar_kernel.panels wastes nothing, and tiles of one call share what they read of the weights. Calls that add some leaves each
 * leave `nodes` to the next: all of them have the same tiles, panel_begin and panel_end.
 *
 * rhs is packed: panel p holds outputs [16p, 16p + 16) as [k][16] of the kernel's storage type, outputs beyond n zero
 * (invar_pack_panels). Each tile of lhs is packed as [k][rows] (invar_pack_rows); for a kernel of one row that is the row
 * itself. Tile t holds the rows [t * rows, (t + 1) * rows) of dst and residual. */
typedef struct invar_matmul_args {
  uint64_t k;              /* terms of each sum, at most 2^25 */
  uint64_t n;              /* outputs; ceil(n / 16) panels exist */
  uint64_t panel_begin;    /* panels to compute: [panel_begin, panel_end) */
  uint64_t panel_end;      /* what lies beyond the panels that exist is left out */
  const float* lhs;        /* [tiles][k][rows] */
  const void* rhs;         /* [ceil(n / 16)][k][16] */
  const float* bias;       /* [n], or null: none */
  const float* residual;   /* [tiles * rows][n], stride residual_stride, or null: none; may be dst itself */
  int64_t residual_stride;
  float* dst;              /* [tiles * rows][n], stride dst_stride */
  int64_t dst_stride;
  invar_activation activation;
  uint64_t tiles;          /* of rows; 0 counts as 1 */
  uint64_t leaf_begin;     /* leaves of k that this call adds, [leaf_begin, leaf_end); all of them where leaf_end is 0 */
  uint64_t leaf_end;
  float* nodes;            /* invar_matmul_nodes() floats, kept from one such call to the next; null where one adds all */
  /* Where other calls send tiles over these panels before the next panels are read: this call's are [first_tile, first_tile + tiles)
   * of all_tiles, which together ask for the next panels in advance and keep these in cache. all_tiles 0: there are no others. Kernels
   * of one row ignore both. No bit depends on them. */
  uint64_t first_tile;
  uint64_t all_tiles;
} invar_matmul_args;

/* map: y[i] = f(x[i]) or f(x[i], z[i]), elementwise. y may be x or z itself. */
typedef struct invar_map_args {
  uint64_t n;
  const float* x;
  const float* z; /* second operand of a two-operand kernel, otherwise ignored */
  float* y;
} invar_map_args;

/* rows: one result row (softmax, norms) or one value (log_sum_exp) for each row of x. y may be x itself with the same
 * stride. gain and bias are [n]; epsilon is added as the contract's norms say. Unused members are ignored. */
typedef struct invar_rows_args {
  uint64_t rows;
  uint64_t n;
  const float* x;
  int64_t x_stride;
  const float* gain;
  const float* bias; /* null: none */
  float epsilon;
  float* y;
  int64_t y_stride;
} invar_rows_args;

/* reduce: one value from a row, or from two rows of the same length. */
typedef struct invar_reduce_args {
  uint64_t n;
  const float* x;
  const float* z;  /* dot's second operand */
  float* value;    /* sum, dot */
  int64_t* index;  /* argmax: the index, or -1 where x holds a NaN or n is 0 */
} invar_reduce_args;

/* rope: rotates each of `heads` vectors of `dimension` elements of each row in place (contract, section 3, "rope").
 * cosine and sine are [rows][dimension / 2]: the row's angles. The pairs are (i, i + dimension / 2), or (2i, 2i + 1)
 * where interleaved is not 0. Elements of a head beyond `dimension` are left alone. */
typedef struct invar_rope_args {
  uint64_t rows;
  uint64_t heads;
  uint64_t dimension; /* even */
  float* x;
  int64_t x_stride;    /* between rows */
  int64_t head_stride; /* between heads of a row */
  const float* cosine;
  const float* sine;
  int32_t interleaved;
} invar_rope_args;

/* embedding: dst[i] = widen(row[i * element_stride]) (+ position[i]), one row of an embedding table.
 * A table packed as panels is read in place: row = panel + id % 16, element_stride = 16. */
typedef struct invar_embedding_args {
  uint64_t n;
  const void* row; /* of the kernel's storage type, any alignment */
  int64_t element_stride;
  const float* position; /* [n], or null: none */
  float* dst;
} invar_embedding_args;

/* attention_leaf: one leaf of 256 positions for `rows` query rows that share a key-value head (contract, section 3,
 * "Attention"). Row r sees the positions [begin[r], end[r]) of the leaf, counted from the leaf's first; where that is
 * empty, m, l and o of the row are not written and the caller must pass the sibling up unchanged.
 *
 * keys are packed [16 panels][d][16 positions], values [ceil(d / 16) panels][256 positions][16 elements].
 * workspace: invar_attention_workspace(rows, d) floats. next_keys: where the caller's next call begins to read keys, or null. They are
 * asked for in advance, not read; no bit depends on them. */
typedef struct invar_attention_leaf_args {
  uint64_t rows;
  uint64_t d;
  float scale;
  const float* q; /* [rows][d], stride q_stride */
  int64_t q_stride;
  const float* keys;
  const float* values;
  const float* bias; /* [rows][256], stride bias_stride, added after the scale; or null: none */
  int64_t bias_stride;
  const uint32_t* begin;
  const uint32_t* end;
  float* m; /* [rows]; of zeros of both signs the first */
  float* l; /* [rows] */
  float* o; /* [rows][d], stride o_stride */
  int64_t o_stride;
  float* workspace;
  const float* next_keys;
} invar_attention_leaf_args;

/* attention_merge: node = left joined with right, in place of left, for the rows whose flag is not 0. */
typedef struct invar_attention_merge_args {
  uint64_t rows;
  uint64_t d;
  const uint8_t* flags; /* [rows]: 0 leaves the row alone; null: every row */
  float* m_left;
  float* l_left;
  float* o_left;
  const float* m_right;
  const float* l_right;
  const float* o_right;
  int64_t o_stride; /* of both */
} invar_attention_merge_args;

/* attention_finish: y = o / l. y may be o itself with the same stride. */
typedef struct invar_attention_finish_args {
  uint64_t rows;
  uint64_t d;
  const float* l;
  const float* o;
  int64_t o_stride;
  float* y;
  int64_t y_stride;
} invar_attention_finish_args;

typedef enum invar_family {
  INVAR_FAMILY_MATMUL = 0,
  INVAR_FAMILY_MAP,
  INVAR_FAMILY_ROWS,
  INVAR_FAMILY_REDUCE,
  INVAR_FAMILY_ROPE,
  INVAR_FAMILY_EMBEDDING,
  INVAR_FAMILY_ATTENTION_LEAF,
  INVAR_FAMILY_ATTENTION_MERGE,
  INVAR_FAMILY_ATTENTION_FINISH
} invar_family;

/* One kernel. The first half of its name fixes its bits: operation and storage type. The second half, tile and
 * instruction set, only makes it fast. */
typedef struct invar_kernel {
  const char* operation; /* "matmul" */
  const char* type;      /* storage type of weights: "f32", "bf16", "f16" */
  const char* tile;      /* "6x16": rows x outputs; "-" where a kernel has no tile */
  const char* isa;       /* Highway's name of the instruction set: "AVX2" */
  invar_family family;
  uint32_t operands; /* map and reduce: 1 or 2; otherwise 0 */
  uint32_t rows;     /* matmul: rows of one call; otherwise 0 */
  uint32_t panels;   /* matmul: panels computed at a time; otherwise 0 */
  union {
    void (*matmul)(const invar_matmul_args*);
    void (*map)(const invar_map_args*);
    void (*rows_)(const invar_rows_args*);
    void (*reduce)(const invar_reduce_args*);
    void (*rope)(const invar_rope_args*);
    void (*embedding)(const invar_embedding_args*);
    void (*attention_leaf)(const invar_attention_leaf_args*);
    void (*attention_merge)(const invar_attention_merge_args*);
    void (*attention_finish)(const invar_attention_finish_args*);
  } call;
} invar_kernel;

/* Every kernel of every compiled instruction set; *count gets how many. The list is constant. A kernel may be called
 * only where invar_isa_supported(kernel.isa) is not 0. */
const invar_kernel* invar_kernels(size_t* count);

/* The compiled instruction sets, best first, as a null-terminated list of names. */
const char* const* invar_isas(void);

/* 1 where this processor runs that instruction set and it was compiled in, otherwise 0. */
int invar_isa_supported(const char* isa);

/* Checks, on the instruction set named, that the build neither contracts a * b + c, nor splits a fused multiply-add,
 * nor flushes subnormals. Returns null where all is well, otherwise a sentence that says what is wrong: then none of its
 * kernels has the contract's bits. Call it once for each instruction set, before its first kernel; kernels do not. */
const char* invar_self_test(const char* isa);

/* Elements (of the storage type) of n x k weights packed as panels. */
uint64_t invar_packed_size(uint64_t n, uint64_t k);

/* Packs weights w[n][k] (element (i, j) at w + (i * row_stride + j * column_stride) elements, any alignment) into
 * panels: layout only, no arithmetic. dst: invar_packed_size(n, k) elements of the same type. Threads may pack
 * disjoint ranges of panels [panel_begin, panel_end) of one destination. */
void invar_pack_panels(invar_type type, uint64_t n, uint64_t k, const void* w, int64_t row_stride,
                       int64_t column_stride, uint64_t panel_begin, uint64_t panel_end, void* dst);

/* Packs x[rows][k] (stride between rows) into [k][rows]. */
void invar_pack_rows(uint64_t rows, uint64_t k, const float* x, int64_t stride, float* dst);

/* Floats of a matmul's nodes where each call adds `leaves` of its leaves (all calls the same power of two, in ascending order,
 * leaf_begin a multiple of it) for `rows` rows and `panels` panels. k of up to 256 terms has one leaf; more has the least
 * power of two that makes leaves of at most 256 terms. */
uint64_t invar_matmul_nodes(uint64_t k, uint64_t leaves, uint64_t rows, uint64_t panels);

/* Floats of workspace that attention_leaf needs. */
uint64_t invar_attention_workspace(uint64_t rows, uint64_t d);

#ifdef __cplusplus
}
#endif

#endif /* INVAR_KERNELS_H_ */
