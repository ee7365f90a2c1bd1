// Micro-kernels of products with 4-bit weights: y = x W^T, W in groups of 32 values along k that
// share a scale, x quantized to int8 in the same groups.
//   y[col] = sum over groups g, in rising order, of
//            float(sum over the group of code(x) * weight code) * (scale_w[g][col] * scale_x[g])
// Integer sums are exact, and the float steps are one multiplication or addition each, never fused:
// the same bits on every instruction set, for any thread count and any number of rows.
//
// A packed panel holds `nr` columns, group after group:
//   [nr / W][4][W][4] bytes: byte (q, c, s) has the codes + 8 of column c at depths 4 q + s (low
//   half)
//                     and 16 + 4 q + s (high half), W columns side by side
//   [nr] bfloat16 scales
#pragma once
#include <cstddef>
#include <cstdint>

namespace tt::kernels {

inline constexpr std::int64_t kS4Group = 32;

inline constexpr std::int64_t s4_group_bytes(std::int64_t columns) { return 18 * columns; }

// Rows of x, quantized group by group.
struct S4Rows {
  const std::int8_t* codes = nullptr;     // in [-127, 127]; groups * 32 per row
  const float* scales = nullptr;          // groups per row
  const std::int32_t* offsets = nullptr;  // groups per row: -8 times the sum of the codes
};

struct S4Product {
  std::int64_t rows = 0, cols = 0, groups = 0;
  S4Rows x;
  const std::byte* panels = nullptr;
  float* y = nullptr;
  std::int64_t y_row = 0;
  bool accumulate = false;      // add to what y holds
  const float* bias = nullptr;  // of the columns; null: none
};

struct GemmS4Table {
  int nr;     // columns per panel
  int width;  // W
  void (*multiply)(const S4Product& p);
  // One row of k values; codes beyond k are zero. A group that holds NaN or infinity has a NaN
  // scale.
  void (*quantize)(const float* x, std::int64_t k, std::int8_t* codes, float* scales,
                   std::int32_t* offsets);
};

}  // namespace tt::kernels
