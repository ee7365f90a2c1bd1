#include "tinytorch/kernels/norm/reference.hpp"

#include <cmath>

#include "tinytorch/kernels/reduce/reference.hpp"

namespace tt::kernels::reference {
namespace {

template <class T>
T weight(const T* gamma, std::size_t i) {
  return gamma == nullptr ? T(1) : gamma[i];
}

}  // namespace

template <class T>
void layer_norm(const T* x, const T* gamma, const T* beta, T eps, T* y, std::size_t n, T* mean,
                T* rstd) {
  const T count = static_cast<T>(n);
  const T center = sum(x, n) / count;
  const T scale = 1 / std::sqrt(sum_squared_difference(x, n, center) / count + eps);
  for (std::size_t i = 0; i < n; ++i) {
    y[i] = (x[i] - center) * scale * weight(gamma, i) + (beta == nullptr ? T(0) : beta[i]);
  }
  *mean = center;
  *rstd = scale;
}

template <class T>
void layer_norm_grad(const T* dy, const T* x, const T* gamma, T mean, T rstd, T* dx, T* dgamma,
                     T* dbeta, std::size_t n) {
  T sum_g = 0, sum_gh = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const T h = (x[i] - mean) * rstd, g = dy[i] * weight(gamma, i);
    sum_g += g;
    sum_gh += g * h;
  }
  const T mean_g = sum_g / static_cast<T>(n), mean_gh = sum_gh / static_cast<T>(n);
  for (std::size_t i = 0; i < n; ++i) {
    const T d = dy[i], h = (x[i] - mean) * rstd;
    if (dgamma != nullptr) dgamma[i] += d * h;
    if (dbeta != nullptr) dbeta[i] += d;
    dx[i] = rstd * (d * weight(gamma, i) - mean_g - h * mean_gh);
  }
}

template <class T>
void rms_norm(const T* x, const T* gamma, T eps, T* y, std::size_t n, T* rstd) {
  const T scale = 1 / std::sqrt(dot(x, x, n) / static_cast<T>(n) + eps);
  for (std::size_t i = 0; i < n; ++i) y[i] = x[i] * scale * weight(gamma, i);
  *rstd = scale;
}

template <class T>
void rms_norm_grad(const T* dy, const T* x, const T* gamma, T rstd, T* dx, T* dgamma,
                   std::size_t n) {
  T sum_gh = 0;
  for (std::size_t i = 0; i < n; ++i) sum_gh += dy[i] * weight(gamma, i) * (x[i] * rstd);
  const T mean_gh = sum_gh / static_cast<T>(n);
  for (std::size_t i = 0; i < n; ++i) {
    const T d = dy[i], h = x[i] * rstd;
    if (dgamma != nullptr) dgamma[i] += d * h;
    dx[i] = rstd * (d * weight(gamma, i) - h * mean_gh);
  }
}

#define TT_INSTANTIATE(T)                                                                     \
  template void layer_norm(const T*, const T*, const T*, T, T*, std::size_t, T*, T*);         \
  template void layer_norm_grad(const T*, const T*, const T*, T, T, T*, T*, T*, std::size_t); \
  template void rms_norm(const T*, const T*, T, T*, std::size_t, T*);                         \
  template void rms_norm_grad(const T*, const T*, const T*, T, T*, T*, std::size_t);
TT_INSTANTIATE(float)
TT_INSTANTIATE(double)
#undef TT_INSTANTIATE

}  // namespace tt::kernels::reference
