// Attention of new positions to a cache of keys and values, whose heads several heads of queries
// may share:
//   out[i, h] = softmax(q[i, h] K[0 .. first + i]^T) V[0 .. first + i]    i < count (causal)
// q already holds the factor 1 / sqrt(size).
//
// The cache is cut into blocks of positions. A block holds all heads, one after the other, so that
// what few positions take of memory is one piece, and a step that reads all heads reads it from end
// to end: memory is about twice as fast that way. Within a head's part of a block, keys lie in
// groups of `nr` positions, [position / nr][size][nr], so that the float tiles (gemm_f32) take them
// as packed panels; values as rows, [position][size]; both as float, half, or int8 with a scale per
// position. Scales are multiplied onto scores and weights, so that nothing but the codes' rounding
// is lost.
// Weighted values are summed block by block. Products and softmax are those of gemm and softmax:
// the same bits whether positions come one by one or many at once, and for any thread count.
#pragma once
#include <cstddef>
#include <cstdint>

#include "tinytorch/kernels/table.hpp"

namespace tt::kernels {

enum class CacheFormat { f32, f16, int8 };
inline std::int64_t size_of(CacheFormat format) {
  return format == CacheFormat::f32 ? 4 : format == CacheFormat::f16 ? 2 : 1;
}

// Neighbouring heads of a cache.
struct CachedHeads {
  std::int64_t count = 1, size = 0;  // of the heads; of one
  CacheFormat format = CacheFormat::f32;
  const std::byte* keys = nullptr;  // of the first of them, in the first block
  const std::byte* values = nullptr;
  std::int64_t step = 0;              // elements of a whole block: to the same heads in the next
  const float* key_scales = nullptr;  // int8: of each position
  const float* value_scales = nullptr;
  std::int64_t scales = 0;  // from one head's scales to the next one's
};

// Heads of queries lie `size` apart, those that share keys and values side by side; positions q_row
// and out_row.
struct NewPositions {
  std::int64_t count = 0;
  std::int64_t first = 0;  // positions before these
  const float* q = nullptr;
  std::int64_t q_row = 0;
  float* out = nullptr;
  std::int64_t out_row = 0;
  std::int64_t sharing = 1;  // heads of queries for each head of the cache
};

// Positions in a block, and blocks for `capacity` positions. Keys, and values likewise, have
// cache_block() * size elements for each head and block.
std::int64_t cache_block(const GemmTable& gemm);
std::int64_t cache_blocks(const GemmTable& gemm, std::int64_t capacity);

// Puts a position's keys and values, (count, size) floats each, where they belong. int8: a scale is
// the largest magnitude / 127, NaN where a value is not finite.
void store_position(const Table& kernels, const CachedHeads& heads, std::int64_t position,
                    const float* keys, const float* values);

// New positions that attend_block takes together at most, and the floats of scratch memory that it
// needs for a cache of `positions` and so many heads.
std::int64_t positions_together(const GemmTable& gemm, std::int64_t sharing = 1);
std::int64_t scratch_floats(const GemmTable& gemm, std::int64_t positions, std::int64_t size,
                            std::int64_t sharing = 1, std::int64_t heads = 1);
// Positions [i, i + positions_together) of `p`, as many as there are, with all `heads`.
void attend_block(const Table& kernels, const CachedHeads& heads, const NewPositions& p,
                  std::int64_t i, float* scratch);

}  // namespace tt::kernels
