// Attention of new positions to a cache of keys and values, one head:
//   out[i] = softmax(q[i] K[0 .. first + i]^T) V[0 .. first + i]      i < rows (causal)
// q already holds the factor 1 / sqrt(size).
//
// Keys lie in blocks of `nr` positions, [position / nr][size][nr], so that the float tiles
// (gemm_f32) take them as packed panels; values as rows, [position][size]. Products, softmax and
// sums are those of gemm and softmax: the same bits whether positions come one by one or many at
// once, and for any thread count.
#pragma once
#include <cstdint>

#include "tinytorch/kernels/table.hpp"

namespace tt::kernels {

struct CachedHead {
  std::int64_t size = 0;  // of a head
  const float* keys = nullptr;
  const float* values = nullptr;
};

struct NewPositions {
  std::int64_t rows = 0;
  std::int64_t first = 0;  // positions before the first row
  const float* q = nullptr;
  std::int64_t q_row = 0;
  float* out = nullptr;
  std::int64_t out_row = 0;
};

// Floats of a head's keys (values) for `capacity` positions.
std::int64_t cached_floats(const GemmTable& gemm, std::int64_t capacity, std::int64_t size);

// Puts a position's key where it belongs.
void store_key(const GemmTable& gemm, const float* key, std::int64_t size, std::int64_t position,
               float* keys);

// Blocks of up to mr rows of `p` that start at row i; `scores` has room for score_floats().
std::int64_t score_floats(const GemmTable& gemm, std::int64_t positions);
void attend_rows(const Table& kernels, const CachedHead& head, const NewPositions& p,
                 std::int64_t i, float* scores);

}  // namespace tt::kernels
