// Integer matrix product C[m, n] = A[m, k] B[n, k]^T, int8 x int8 -> int32, exact.
// B holds weights in [-127, 127] (never -128): then the AVX2 pair sum of |a| <= 128 products cannot
// saturate, and every instruction set gives the same integers. A is any int8 in [-127, 127].
// Packing is an ISA-specific layout made once per layer; files hold only the plain layout.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tt::kernels {

// The micro-kernels of one instruction set.
struct GemmS8Table {
  // Columns (rows of B) per packed panel, and how many k are interleaved (4 for dot products).
  int nr, k_step;
  // acc[rows, cols <= nr] (row stride acc_row) = A[rows, k] times one packed panel. k is padded to
  // a multiple of k_step in the panel; A rows need only k readable values.
  void (*panel)(std::int64_t rows, std::int64_t k, const std::int8_t* a, std::int64_t a_row,
                const std::int8_t* packed, const std::int32_t* column_sums, std::int32_t* acc,
                std::int64_t acc_row, int cols);
  // max |x| of a row, and its symmetric quantization q = clamp(round_to_even(x / scale), -127, 127).
  float (*abs_max)(const float* x, std::size_t n);
  void (*quantize)(const float* x, std::int8_t* q, std::size_t n, float inverse_scale);
};

struct PackedS8 {
  std::int64_t n = 0, k = 0;
  int nr = 0, k_step = 0;
  std::vector<std::int8_t> panels;
  std::vector<std::int32_t> column_sums;  // sum over k of each row of B
};

PackedS8 pack_s8(const std::int8_t* b, std::int64_t n, std::int64_t k);  // for active()

// y[m, n] = (x quantized per row) B^T * scale_x[row] * scale_w[n] + bias[n]; bias may be null.
// Parallel over columns and rows. Same bits on every ISA and for any thread count.
void linear_s8(const float* x, std::int64_t m, std::int64_t x_row, const PackedS8& b,
               const float* scale_w, const float* bias, float* y, std::int64_t y_row);

}  // namespace tt::kernels
