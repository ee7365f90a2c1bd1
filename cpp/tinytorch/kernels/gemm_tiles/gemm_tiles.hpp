// Micro-kernels of products on a matrix unit that multiplies bfloat16 values and sums in float32.
// A float becomes one such value, rounded to nearest even; or three, of which it is the sum,
// exactly but for the smallest floats:
//   x = high + middle + low,   8 bits each
//   a b ~ ah bh + (ah bm + am bh) + (am bm + ah bl + al bh)
// What is left out is at most 2^-24 |a b|, as in one float32 multiplication. Values below 2^-110
// lose bits, and numbers below the normal range count as zero. Values that are not finite, or from
// 2^127 on, have no three pieces: the caller is told.
//
// Both operands lie in blocks of 32 (rows of A, columns of B), step by step along k. A step is 32
// values of k: for each piece a tile of 16 x 64 bytes for either half of the block.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tt::kernels {

inline constexpr std::int64_t kTilesBlock = 32, kTilesStep = 32;
// Blocks of rows that share a block of columns: eight of kTilesBlockBytes and what they meet stay
// in the second cache.
inline constexpr std::int64_t kTilesGroup = 8, kTilesBlockBytes = 96 << 10;

// Up to a block of a matrix: element (i, p) for i < count, p < depth is at[i * across + p * along];
// across or along is 1. Zeros fill the block.
struct TilesSource {
  const float* at = nullptr;
  std::int64_t across = 0, along = 0, count = 0, depth = 0;
};

// What one call computes: C[rows, cols] (+)= A B (+ bias).
struct TilesProduct {
  std::int64_t rows = 0, cols = 0, steps = 0;
  const std::byte* a = nullptr;  // blocks, one after the other
  const std::byte* b = nullptr;
  float* c = nullptr;
  std::int64_t c_row = 0;
  bool accumulate = false;
  const float* bias = nullptr;  // of the columns; null: none
  bool streamed = false;        // C is large: pass by the caches (streaming.hpp)
};

struct TilesForm {
  std::int64_t step_bytes;
  // False if a value has no pieces.
  bool (*split_rows)(const TilesSource& from, std::byte* to);     // of A
  bool (*split_columns)(const TilesSource& from, std::byte* to);  // of B
  void (*multiply)(const TilesProduct& p);
};

struct GemmTilesTable {
  TilesForm one, three;  // null where there is no such unit
};

}  // namespace tt::kernels
