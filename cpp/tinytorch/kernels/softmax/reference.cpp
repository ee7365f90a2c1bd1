#include "tinytorch/kernels/softmax/reference.hpp"

#include <cmath>

#include "tinytorch/kernels/reduce/reference.hpp"

namespace tt::kernels::reference {
namespace {

template <class T>
T sum_exp(const T* x, std::size_t n, T top) {
  T total = 0;
  for (std::size_t i = 0; i < n; ++i) total += std::exp(x[i] - top);
  return total;
}

}  // namespace

template <class T>
void softmax(const T* x, T* y, std::size_t n) {
  const T top = max(x, n);
  const T total = sum_exp(x, n, top);
  for (std::size_t i = 0; i < n; ++i) y[i] = std::exp(x[i] - top) / total;
}
template <class T>
void log_softmax(const T* x, T* y, std::size_t n) {
  const T top = max(x, n);
  const T log_total = std::log(sum_exp(x, n, top));
  for (std::size_t i = 0; i < n; ++i) y[i] = x[i] - top - log_total;
}
template <class T>
T logsumexp(const T* x, std::size_t n) {
  const T top = max(x, n);
  return std::isinf(top) ? top : top + std::log(sum_exp(x, n, top));
}
template <class T>
void normalizer(const T* x, std::size_t n, T* top, T* log_total) {
  *top = max(x, n);
  *log_total = std::log(sum_exp(x, n, *top));
}
template <class T>
void cross_entropy_grad(const T* x, T top, T log_total, T target, T scale, T* dx, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) dx[i] = (std::exp(x[i] - top - log_total) - target) * scale;
}
template <class T>
void softmax_grad(const T* dy, const T* y, T* dx, std::size_t n) {
  const T inner = dot(dy, y, n);
  for (std::size_t i = 0; i < n; ++i) dx[i] = y[i] * (dy[i] - inner);
}
template <class T>
void log_softmax_grad(const T* dy, const T* y, T* dx, std::size_t n) {
  const T total = sum(dy, n);
  for (std::size_t i = 0; i < n; ++i) dx[i] = dy[i] - std::exp(y[i]) * total;
}

#define TT_INSTANTIATE(T)                                                  \
  template void softmax(const T*, T*, std::size_t);                        \
  template void log_softmax(const T*, T*, std::size_t);                    \
  template T logsumexp(const T*, std::size_t);                             \
  template void normalizer(const T*, std::size_t, T*, T*);                 \
  template void cross_entropy_grad(const T*, T, T, T, T, T*, std::size_t); \
  template void softmax_grad(const T*, const T*, T*, std::size_t);         \
  template void log_softmax_grad(const T*, const T*, T*, std::size_t);
TT_INSTANTIATE(float)
TT_INSTANTIATE(double)
#undef TT_INSTANTIATE

}  // namespace tt::kernels::reference
