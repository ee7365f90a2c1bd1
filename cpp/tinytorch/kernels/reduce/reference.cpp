#include "tinytorch/kernels/reduce/reference.hpp"

#include <cmath>

namespace tt::kernels::reference {

template <class T>
T sum(const T* x, std::size_t n) {
  T total = 0;
  for (std::size_t i = 0; i < n; ++i) total += x[i];
  return total;
}
template <class T>
T prod(const T* x, std::size_t n) {
  T total = 1;
  for (std::size_t i = 0; i < n; ++i) total *= x[i];
  return total;
}
template <class T>
T max(const T* x, std::size_t n) {
  T best = x[0];
  for (std::size_t i = 1; i < n; ++i) best = x[i] > best || std::isnan(x[i]) ? x[i] : best;
  return best;
}
template <class T>
T min(const T* x, std::size_t n) {
  T best = x[0];
  for (std::size_t i = 1; i < n; ++i) best = x[i] < best || std::isnan(x[i]) ? x[i] : best;
  return best;
}
template <class T>
T sum_squared_difference(const T* x, std::size_t n, T center) {
  T total = 0;
  for (std::size_t i = 0; i < n; ++i) total += (x[i] - center) * (x[i] - center);
  return total;
}
template <class T>
T dot(const T* a, const T* b, std::size_t n) {
  T total = 0;
  for (std::size_t i = 0; i < n; ++i) total += a[i] * b[i];
  return total;
}

#define TT_INSTANTIATE(T)                                      \
  template T sum(const T*, std::size_t);                       \
  template T prod(const T*, std::size_t);                      \
  template T max(const T*, std::size_t);                       \
  template T min(const T*, std::size_t);                       \
  template T sum_squared_difference(const T*, std::size_t, T); \
  template T dot(const T*, const T*, std::size_t);
TT_INSTANTIATE(float)
TT_INSTANTIATE(double)
#undef TT_INSTANTIATE

}  // namespace tt::kernels::reference
