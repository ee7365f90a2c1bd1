#include "tinytorch/kernels/softmax/softmax.hpp"

#include <math.h>

#include "tinytorch/kernels/reduce/row_extreme.hpp"
#include "tinytorch/kernels/reduce/row_sum.hpp"
#include "tinytorch/kernels/vector_math.hpp"

namespace tt::kernels::TT_ISA {
namespace {

// y[i] = f(x[i]) over a row, through the same vector code for the tail.
template <class F>
inline void map(const float* x, float* y, std::size_t n, F f) {
  std::size_t i = 0;
  for (; i + W <= n; i += W) store(y + i, f(load(x + i)));
  if (i < n) store_n(y + i, n - i, f(load_n(x + i, n - i)));
}
template <class F>
inline void map(const float* a, const float* b, float* y, std::size_t n, F f) {
  std::size_t i = 0;
  for (; i + W <= n; i += W) store(y + i, f(load(a + i), load(b + i)));
  if (i < n) store_n(y + i, n - i, f(load_n(a + i, n - i), load_n(b + i, n - i)));
}

// sum of exp(x - top); lanes beyond the row read as -inf and add 0.
inline float sum_exp(const float* x, std::size_t n, float top) {
  const F32 t(top);
  return row_sum(n, [x, t](F32 acc, std::size_t i, std::size_t count) {
    return acc + math::exp(load_part(x + i, count, -__builtin_inff()) - t);
  });
}

void softmax(const float* x, float* y, std::size_t n) {
  const F32 top(row_max(x, n));
  const float total = row_sum(n, [x, y, top](F32 acc, std::size_t i, std::size_t count) {
    const F32 e = math::exp(load_part(x + i, count, -__builtin_inff()) - top);
    if (count == W) {
      store(y + i, e);
    } else {
      store_n(y + i, count, e);
    }
    return acc + e;
  });
  const F32 inverse(1.0f / total);
  map(y, y, n, [inverse](F32 v) { return v * inverse; });
}

void log_softmax(const float* x, float* y, std::size_t n) {
  const float top = row_max(x, n);
  const F32 t(top), log_total(::logf(sum_exp(x, n, top)));
  map(x, y, n, [t, log_total](F32 v) { return v - t - log_total; });
}

float logsumexp(const float* x, std::size_t n) {
  const float top = row_max(x, n);
  if (__builtin_isinf(top)) return top;
  return top + ::logf(sum_exp(x, n, top));
}

void softmax_grad(const float* dy, const float* y, float* dx, std::size_t n) {
  const F32 inner(row_sum(n, [dy, y](F32 acc, std::size_t i, std::size_t count) {
    return fma(load_part(dy + i, count), load_part(y + i, count), acc);
  }));
  map(dy, y, dx, n, [inner](F32 d, F32 v) { return v * (d - inner); });
}

void log_softmax_grad(const float* dy, const float* y, float* dx, std::size_t n) {
  const F32 total(row_sum(n, [dy](F32 acc, std::size_t i, std::size_t count) {
    return acc + load_part(dy + i, count);
  }));
  map(dy, y, dx, n, [total](F32 d, F32 v) { return d - math::exp(v) * total; });
}

}  // namespace

void fill_softmax(SoftmaxTable& table) {
  table.softmax = &softmax;
  table.log_softmax = &log_softmax;
  table.logsumexp = &logsumexp;
  table.softmax_grad = &softmax_grad;
  table.log_softmax_grad = &log_softmax_grad;
}

}  // namespace tt::kernels::TT_ISA
