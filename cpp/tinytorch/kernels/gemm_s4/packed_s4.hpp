// Weights in 4 bits: quantization, the packed form, products with it.
#pragma once
#include <cstdint>

#include "tinytorch/kernels/gemm_s4/gemm_s4.hpp"
#include "tinytorch/kernels/packed_panels.hpp"

namespace tt::kernels {

struct PackedS4 {
  const GemmS4Table* table = nullptr;  // the instruction set it is packed for
  std::int64_t n = 0, k = 0;
  std::int64_t groups = 0;  // ceil(k / 32)
  PageBuffer panels;

  std::int64_t bytes() const { return n * groups * 18; }  // as stored: 4.5 bits a weight
};

// The plain form: codes[n][groups * 32] in [-8, 7], zeros beyond k, and scales[n][groups], which
// are bfloat16 numbers. Of each group the scale with the smallest squared error among a few around
// largest magnitude / 8 is taken. b[n, k] contiguous; weights that are not finite make the scale
// NaN.
void quantize_s4(const float* b, std::int64_t n, std::int64_t k, std::int8_t* codes, float* scales);

PackedS4 pack_s4(const std::int8_t* codes, const float* scales, std::int64_t n, std::int64_t k);
PackedS4 pack_s4(const std::int8_t* codes, const float* scales, std::int64_t n, std::int64_t k,
                 const GemmS4Table& table);

// Row j of W as its codes and scales say: out[k].
void unpack_row(const PackedS4& w, std::int64_t j, float* out);

// y[m, n] (+)= x[m, k] W^T (+ bias), x quantized group by group; rows of x are x_row apart.
// Parallel.
void linear_s4(const float* x, std::int64_t m, std::int64_t x_row, const PackedS4& w,
               const float* bias, float* y, std::int64_t y_row, bool accumulate = false);

}  // namespace tt::kernels
