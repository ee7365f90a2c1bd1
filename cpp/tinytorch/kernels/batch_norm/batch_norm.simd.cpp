// Compiled once per instruction set. See batch_norm.hpp for what the functions compute.
#include "tinytorch/kernels/batch_norm/batch_norm.hpp"

#include "tinytorch/kernels/reduce/row_sum.hpp"

namespace tt::kernels::TT_ISA {
namespace {

inline void store_part(float* p, std::size_t count, F32 v) {
  if (count == W) {
    store(p, v);
  } else {
    store_n(p, count, v);
  }
}

// Calls step(i, count) over whole vectors, then over the rest.
template <class Step>
inline void sweep(std::size_t n, Step step) {
  std::size_t i = 0;
  for (; i + W <= n; i += W) step(i, W);
  if (i < n) step(i, n - i);
}

void moments(const float* x, std::size_t n, float* mean, float* squares) {
  const float center =
      row_sum(n, [x](F32 acc, std::size_t i,
                     std::size_t count) { return acc + load_part(x + i, count); }) /
      static_cast<float>(n);
  const F32 c(center);
  *mean = center;
  *squares = row_sum(n, [x, c, center](F32 acc, std::size_t i, std::size_t count) {
    const F32 d = load_part(x + i, count, center) - c;
    return fma(d, d, acc);
  });
}

void apply(const float* x, float scale, float shift, float* y, std::size_t n) {
  const F32 a(scale), b(shift);
  sweep(n, [=](std::size_t i, std::size_t count) {
    store_part(y + i, count, fma(load_part(x + i, count), a, b));
  });
}

void grad_sums(const float* dy, const float* x, float mean, std::size_t n, float* sum,
               float* product) {
  const F32 c(mean);
  *sum = row_sum(n, [dy](F32 acc, std::size_t i, std::size_t count) {
    return acc + load_part(dy + i, count);
  });
  *product = row_sum(n, [dy, x, c](F32 acc, std::size_t i, std::size_t count) {
    return fma(load_part(dy + i, count), load_part(x + i, count) - c, acc);
  });
}

void grad(const float* dy, const float* x, const BatchNormGrad& g, float* dx, std::size_t n) {
  const F32 c(g.mean), scale(g.scale), slope(g.slope), shift(g.shift);
  sweep(n, [=](std::size_t i, std::size_t count) {
    const F32 rest = fma(load_part(x + i, count) - c, slope, shift);
    store_part(dx + i, count, fma(load_part(dy + i, count), scale, rest));
  });
}

}  // namespace

void fill_batch_norm(BatchNormTable& table) {
  table.moments = &moments;
  table.apply = &apply;
  table.grad_sums = &grad_sums;
  table.grad = &grad;
}

}  // namespace tt::kernels::TT_ISA
