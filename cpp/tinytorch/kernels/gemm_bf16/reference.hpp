// A plain loop that says what the bfloat16 kernels compute, with sums in double.
#pragma once
#include <cstdint>

namespace tt::kernels::reference {

// y[m, n] = bf16(a)[m, k] bf16(b)[k, n] + bias, contiguous; bias may be null.
void gemm_bf16(const float* a, std::int64_t m, const float* b, std::int64_t n, std::int64_t k,
               const float* bias, double* y);

}  // namespace tt::kernels::reference
