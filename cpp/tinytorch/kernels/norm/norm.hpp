// Normalisation of one contiguous row of n >= 1 floats.
//   layer_norm: mean = sum x / n, rstd = 1 / sqrt(sum (x - mean)^2 / n + eps),
//               y[i] = (x[i] - mean) * rstd * gamma[i] + beta[i]
//   rms_norm:   rstd = 1 / sqrt(sum x^2 / n + eps), y[i] = x[i] * rstd * gamma[i]
// gamma and beta may be null (1 and 0). *mean and *rstd are written for the backward pass.
//   layer_norm_grad: with h = (x - mean) rstd and g = dy gamma,
//               dx = rstd (g - mean(g) - h mean(g h));  dgamma += dy h;  dbeta += dy
//   rms_norm_grad:   with h = x rstd and g = dy gamma, dx = rstd (g - h mean(g h));  dgamma += dy h
//   *_streamed: the same values for large results (streaming.hpp)
// dgamma and dbeta may be null. y may be x, dx may be dy.
#pragma once
#include <cstddef>

namespace tt::kernels {

using LayerNormFn = void (*)(const float* x, const float* gamma, const float* beta, float eps,
                             float* y, std::size_t n, float* mean, float* rstd);
using LayerNormGradFn = void (*)(const float* dy, const float* x, const float* gamma, float mean,
                                 float rstd, float* dx, float* dgamma, float* dbeta, std::size_t n);
using RmsNormFn = void (*)(const float* x, const float* gamma, float eps, float* y, std::size_t n,
                           float* rstd);
using RmsNormGradFn = void (*)(const float* dy, const float* x, const float* gamma, float rstd,
                               float* dx, float* dgamma, std::size_t n);

struct NormTable {
  LayerNormFn layer_norm, layer_norm_streamed;
  LayerNormGradFn layer_norm_grad, layer_norm_grad_streamed;
  RmsNormFn rms_norm, rms_norm_streamed;
  RmsNormGradFn rms_norm_grad, rms_norm_grad_streamed;
};

}  // namespace tt::kernels
