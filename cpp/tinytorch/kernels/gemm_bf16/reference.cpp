#include "tinytorch/kernels/gemm_bf16/reference.hpp"

#include "tinytorch/base/half.hpp"

namespace tt::kernels::reference {

void gemm_bf16(const float* a, std::int64_t m, const float* b, std::int64_t n, std::int64_t k,
               const float* bias, double* y) {
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      double sum = 0.0;
      for (std::int64_t p = 0; p < k; ++p) {
        sum += static_cast<double>(static_cast<float>(bf16(a[i * k + p]))) *
               static_cast<double>(static_cast<float>(bf16(b[p * n + j])));
      }
      y[i * n + j] = bias == nullptr ? sum : sum + static_cast<double>(bias[j]);
    }
  }
}

}  // namespace tt::kernels::reference
