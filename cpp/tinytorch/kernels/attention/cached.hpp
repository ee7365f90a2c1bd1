// Attention of new positions to one head's cache of keys and values, which several heads of queries
// may share:
//   out[i, h] = softmax(q[i, h] K[0 .. first + i]^T) V[0 .. first + i]    i < count (causal)
// q already holds the factor 1 / sqrt(size).
//
// Keys lie in blocks of `nr` positions, [position / nr][size][nr], so that the float tiles
// (gemm_f32) take them as packed panels; values as rows, [position][size]; both as float, half, or
// int8 with a scale per position. Scales are multiplied onto scores and weights, so that nothing
// but the codes' rounding is lost.
// Weighted values are summed in passes of kValuePass positions. Products and softmax are those of
// gemm and softmax: the same bits whether positions come one by one or many at once, and for any
// thread count.
#pragma once
#include <cstddef>
#include <cstdint>

#include "tinytorch/kernels/table.hpp"

namespace tt::kernels {

inline constexpr std::int64_t kValuePass = 64;

enum class CacheFormat { f32, f16, int8 };
inline std::int64_t size_of(CacheFormat format) {
  return format == CacheFormat::f32 ? 4 : format == CacheFormat::f16 ? 2 : 1;
}

struct CachedHead {
  std::int64_t size = 0;  // of a head
  CacheFormat format = CacheFormat::f32;
  const std::byte* keys = nullptr;
  const std::byte* values = nullptr;
  const float* key_scales = nullptr;  // int8: of each position
  const float* value_scales = nullptr;
};

// Heads of queries lie `size` apart, positions q_row and out_row.
struct NewPositions {
  std::int64_t count = 0;
  std::int64_t first = 0;  // positions before these
  const float* q = nullptr;
  std::int64_t q_row = 0;
  float* out = nullptr;
  std::int64_t out_row = 0;
  std::int64_t heads = 1;                // of queries
  const std::byte* next_keys = nullptr;  // of the head that is read after this one, if there is one
};

// Elements of a head's keys for `capacity` positions; its values have capacity * size.
std::int64_t cached_key_count(const GemmTable& gemm, std::int64_t capacity, std::int64_t size);

// Puts a position's key and value (size floats each) where they belong. int8: a scale is the
// largest magnitude / 127, NaN where a value is not finite.
void store_position(const Table& kernels, const CachedHead& head, std::int64_t position,
                    const float* key, const float* value);

// New positions that attend_block takes together at most, and the floats of scratch memory that it
// needs for a cache of `positions`.
std::int64_t positions_together(const GemmTable& gemm, std::int64_t heads = 1);
std::int64_t scratch_floats(const GemmTable& gemm, std::int64_t positions, std::int64_t size,
                            std::int64_t heads = 1);
// Positions [i, i + positions_together) of `p`, as many as there are.
void attend_block(const Table& kernels, const CachedHead& head, const NewPositions& p,
                  std::int64_t i, float* scratch);

}  // namespace tt::kernels
