// Attention of new positions to a cache of keys and values, one head:
//   out[i] = softmax(q[i] K[0 .. first + i]^T) V[0 .. first + i]      i < rows (causal)
// q already holds the factor 1 / sqrt(size).
//
// Keys lie in blocks of `nr` positions, [position / nr][size][nr], so that the float tiles
// (gemm_f32) take them as packed panels; values as rows, [position][size]; both as float or half.
// Weighted values are summed in passes of kValuePass positions. Products and softmax are those of
// gemm and softmax: the same bits whether positions come one by one or many at once, and for any
// thread count.
#pragma once
#include <cstddef>
#include <cstdint>

#include "tinytorch/kernels/table.hpp"

namespace tt::kernels {

inline constexpr std::int64_t kValuePass = 64;

enum class CacheFormat { f32, f16 };
inline std::int64_t size_of(CacheFormat format) { return format == CacheFormat::f32 ? 4 : 2; }

struct CachedHead {
  std::int64_t size = 0;  // of a head
  CacheFormat format = CacheFormat::f32;
  const std::byte* keys = nullptr;
  const std::byte* values = nullptr;
};

struct NewPositions {
  std::int64_t rows = 0;
  std::int64_t first = 0;  // positions before the first row
  const float* q = nullptr;
  std::int64_t q_row = 0;
  float* out = nullptr;
  std::int64_t out_row = 0;
};

// Elements of a head's keys for `capacity` positions; its values have capacity * size.
std::int64_t cached_key_count(const GemmTable& gemm, std::int64_t capacity, std::int64_t size);

// Puts a position's key and value (size floats each) where they belong.
void store_position(const Table& kernels, const CachedHead& head, std::int64_t position,
                    const float* key, const float* value);

// Rows that attend_rows takes together at most, and the floats of scratch memory that it needs.
std::int64_t rows_together(const GemmTable& gemm);
std::int64_t scratch_floats(const GemmTable& gemm, std::int64_t positions, std::int64_t size);
// Rows [i, i + rows_together) of `p`, as many as there are.
void attend_rows(const Table& kernels, const CachedHead& head, const NewPositions& p,
                 std::int64_t i, float* scratch);

}  // namespace tt::kernels
