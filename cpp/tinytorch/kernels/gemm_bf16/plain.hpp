// Products of plain matrices with bfloat16 operands and float32 sums.
#pragma once
#include "tinytorch/kernels/gemm_bf16/gemm_bf16.hpp"
#include "tinytorch/kernels/gemm_f32/gemm.hpp"

namespace tt::kernels {

// C (+)= bf16(A) bf16(B) (+ bias), operands of any strides. Parallel; the same bits for any thread
// count, and for a row alone as among others. k = 0 gives zeros (or C), plus bias.
void gemm_bf16(const Gemm& g);  // for active()
void gemm_bf16(const Gemm& g, const GemmBf16Table& table);

}  // namespace tt::kernels
