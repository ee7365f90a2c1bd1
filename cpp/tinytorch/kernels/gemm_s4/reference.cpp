#include "tinytorch/kernels/gemm_s4/reference.hpp"

#include <algorithm>
#include <vector>

#include "tinytorch/kernels/gemm_s4/gemm_s4.hpp"
#include "tinytorch/kernels/gemm_s8/reference.hpp"

namespace tt::kernels::reference {

void linear_s4(const float* x, std::int64_t m, std::int64_t k, const std::int8_t* codes,
               const float* scales, std::int64_t n, const float* bias, float* y) {
  const std::int64_t groups = (k + kS4Group - 1) / kS4Group;
  std::vector<std::int8_t> q(static_cast<std::size_t>(kS4Group));
  std::fill_n(y, m * n, 0.0f);
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t g = 0; g < groups; ++g) {
      const std::int64_t p = g * kS4Group, count = std::min(kS4Group, k - p);
      const float scale_x = quantize_row(x + i * k + p, count, q.data());
      for (std::int64_t j = 0; j < n; ++j) {
        const std::int8_t* w = codes + (j * groups + g) * kS4Group;
        std::int32_t sum = 0;
        for (std::int64_t s = 0; s < count; ++s) sum += q[static_cast<std::size_t>(s)] * w[s];
        const float step = static_cast<float>(sum) * (scales[j * groups + g] * scale_x);
        y[i * n + j] = y[i * n + j] + step;
      }
    }
    for (std::int64_t j = 0; bias != nullptr && j < n; ++j) y[i * n + j] = y[i * n + j] + bias[j];
  }
}

}  // namespace tt::kernels::reference
