#include "tinytorch/kernels/gemm_s8/reference.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace tt::kernels::reference {

void gemm_s8(const std::int8_t* a, std::int64_t m, const std::int8_t* b, std::int64_t n,
             std::int64_t k, std::int32_t* acc) {
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      std::int32_t sum = 0;
      for (std::int64_t p = 0; p < k; ++p) sum += a[i * k + p] * b[j * k + p];
      acc[i * n + j] = sum;
    }
  }
}

float quantize_row(const float* x, std::int64_t k, std::int8_t* q) {
  float most = 0x1p-100f;
  for (std::int64_t p = 0; p < k; ++p) {
    if (!std::isfinite(x[p])) {
      std::fill_n(q, k, std::int8_t{0});
      return std::nanf("");
    }
    most = std::max(most, std::fabs(x[p]));
  }
  const float inverse = 127.0f / most;
  for (std::int64_t p = 0; p < k; ++p) {
    const float rounded = std::nearbyint(x[p] * inverse);
    q[p] = static_cast<std::int8_t>(std::clamp(rounded, -127.0f, 127.0f));
  }
  return most / 127.0f;
}

void linear_s8(const float* x, std::int64_t m, std::int64_t k, const std::int8_t* w, std::int64_t n,
               const float* scale_w, const float* bias, float* y) {
  std::vector<std::int8_t> q(static_cast<std::size_t>(k));
  std::vector<std::int32_t> sums(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < m; ++i) {
    const float scale = quantize_row(x + i * k, k, q.data());
    gemm_s8(q.data(), 1, w, n, k, sums.data());
    for (std::int64_t j = 0; j < n; ++j) {
      float v = static_cast<float>(sums[static_cast<std::size_t>(j)]) * scale * scale_w[j];
      if (bias) v = v + bias[j];
      y[i * n + j] = v;
    }
  }
}

}  // namespace tt::kernels::reference
