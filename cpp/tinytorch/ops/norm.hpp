// Normalisations. Formulas: kernels/norm/norm.hpp.
#pragma once
#include "tinytorch/array/array.hpp"

namespace tt::ops {

// Over the last axis. gamma and beta of that length, or undefined.
struct NormResult {
  Array y, mean, rstd;  // mean is undefined for rms_norm; one value per row
};
NormResult layer_norm(const Array& x, const Array& gamma, const Array& beta, double eps);
NormResult rms_norm(const Array& x, const Array& gamma, double eps);

struct NormGrads {
  Array dx, dgamma, dbeta;  // the last two undefined where gamma or beta is
};
NormGrads layer_norm_grad(const Array& dy, const Array& x, const Array& gamma, const Array& mean,
                          const Array& rstd, bool has_beta);
NormGrads rms_norm_grad(const Array& dy, const Array& x, const Array& gamma, const Array& rstd);

// Over every axis but 1 (channels). Biased batch variance.
struct BatchStats {
  Array mean, variance;  // one value per channel
};
BatchStats batch_stats(const Array& x);
// (x - mean) * rstd * gamma + beta, with per-channel vectors; gamma and beta may be undefined. With
// relu, max(., 0) of that, and its gradient through it.
Array batch_norm(const Array& x, const Array& mean, const Array& rstd, const Array& gamma,
                 const Array& beta, bool relu = false);
// With batch statistics (`training`) the mean and variance carry gradient, else they are constants.
NormGrads batch_norm_grad(const Array& dy, const Array& x, const Array& mean, const Array& rstd,
                          const Array& gamma, const Array& beta, bool training, bool relu);

}  // namespace tt::ops
