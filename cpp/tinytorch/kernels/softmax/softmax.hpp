// Softmax over one contiguous row, n >= 1.
//   softmax:      y[i] = exp(x[i] - max) / sum_j exp(x[j] - max)
//   log_softmax:  y[i] = x[i] - max - log(sum_j exp(x[j] - max))
//   logsumexp:    max + log(sum_j exp(x[j] - max)); -inf where all x are -inf
//   softmax_grad:      dx[i] = y[i] * (dy[i] - sum_j dy[j] y[j])
//   log_softmax_grad:  dx[i] = dy[i] - exp(y[i]) * sum_j dy[j]
//   normalizer:        top = max, log_total = log(sum_j exp(x[j] - max))
//   cross_entropy_grad: dx[i] = (exp(x[i] - top - log_total) - target) * scale, for a row whose
//                       target probability is the same everywhere
//   *_streamed:         the same values for large results (streaming.hpp); softmax_streamed takes
//                       rows of n, one after the other
// y may be x; dx may be dy. A row of -inf gives NaN (softmax), as in PyTorch.
#pragma once
#include <cstddef>

namespace tt::kernels {

using SoftmaxFn = void (*)(const float* x, float* y, std::size_t n);
using SoftmaxGradFn = void (*)(const float* dy, const float* y, float* dx, std::size_t n);
using CrossEntropyGradFn = void (*)(const float* x, float top, float log_total, float target,
                                    float scale, float* dx, std::size_t n);

struct SoftmaxTable {
  SoftmaxFn softmax, log_softmax, log_softmax_streamed;
  void (*softmax_streamed)(const float* x, float* y, std::size_t rows, std::size_t n);
  float (*logsumexp)(const float* x, std::size_t n);
  void (*normalizer)(const float* x, std::size_t n, float* top, float* log_total);
  SoftmaxGradFn softmax_grad, softmax_grad_streamed, log_softmax_grad, log_softmax_grad_streamed;
  CrossEntropyGradFn cross_entropy_grad, cross_entropy_grad_streamed;
};

}  // namespace tt::kernels
