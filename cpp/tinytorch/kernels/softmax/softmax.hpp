// Softmax over one contiguous row, n >= 1.
//   softmax:      y[i] = exp(x[i] - max) / sum_j exp(x[j] - max)
//   log_softmax:  y[i] = x[i] - max - log(sum_j exp(x[j] - max))
//   logsumexp:    max + log(sum_j exp(x[j] - max)); -inf where all x are -inf
//   softmax_grad:      dx[i] = y[i] * (dy[i] - sum_j dy[j] y[j])
//   log_softmax_grad:  dx[i] = dy[i] - exp(y[i]) * sum_j dy[j]
// y may be x; dx may be dy. A row of -inf gives NaN (softmax), as in PyTorch.
#pragma once
#include <cstddef>

namespace tt::kernels {

struct SoftmaxTable {
  void (*softmax)(const float* x, float* y, std::size_t n);
  void (*log_softmax)(const float* x, float* y, std::size_t n);
  float (*logsumexp)(const float* x, std::size_t n);
  void (*softmax_grad)(const float* dy, const float* y, float* dx, std::size_t n);
  void (*log_softmax_grad)(const float* dy, const float* y, float* dx, std::size_t n);
};

}  // namespace tt::kernels
