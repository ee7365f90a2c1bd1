// Integer micro-kernels: C[m, n] = A[m, k] B[n, k]^T, int8 x int8 -> int32, exact.
//
// B holds weights in [-127, 127], packed per instruction set (packed_s8.hpp). A holds activations
// in
// [-127, 127], *encoded* in the form that the instruction set multiplies best:
//   int8 as it is (dot products of signed bytes), uint8 = value + 128 (dot products with one
//   unsigned operand; the 128 is taken back by the column sums of B), or int16 (pairwise products).
// All sums are exact for k <= kMaxS8Depth, so every instruction set gives the same integers.
// Scaling uses one multiplication after the other and an addition, never fused: the same bits
// everywhere.
#pragma once
#include <cstddef>
#include <cstdint>

#include "tinytorch/kernels/panels.hpp"

namespace tt::kernels {

// k * 127 * 127 stays below 2^31.
inline constexpr std::int64_t kMaxS8Depth = 133'144;

struct S8Product : PanelProduct {
  const std::int32_t* column_sums = nullptr;  // of B over k, for whole panels
};

// value = (float(acc) * row_scale[row]) * col_scale[col] + bias[col]; without bias, no addition.
// y = value, or y + value.
struct S8Scaling {
  const float* row_scale = nullptr;
  const float* col_scale = nullptr;
  const float* bias = nullptr;
  float* y = nullptr;
  std::int64_t y_row = 0;
  bool accumulate = false;
};

// The micro-kernels of one instruction set.
struct GemmS8Table {
  PanelShape shape;
  int zero_code;  // the encoded 0

  void (*multiply)(const S8Product& p, std::int32_t* acc, std::int64_t acc_row);
  void (*multiply_scaled)(const S8Product& p, const S8Scaling& s);

  // Largest |x| as the bits of that float; above 0x7f800000 where x holds a NaN. n = 0 gives 0.
  std::uint32_t (*abs_max_bits)(const float* x, std::size_t n);
  // codes[i] = encode(clamp(round_half_even(x[i] * inverse_scale), -127, 127)).
  void (*quantize)(const float* x, void* codes, std::size_t n, float inverse_scale);
  void (*encode)(const std::int8_t* q, void* codes, std::size_t n);
};

}  // namespace tt::kernels
