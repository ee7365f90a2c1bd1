#include "tinytorch/kernels/reduce/reduce.hpp"

#include "tinytorch/kernels/reduce/column_sums.hpp"
#include "tinytorch/kernels/reduce/row_extreme.hpp"
#include "tinytorch/kernels/reduce/row_sum.hpp"

namespace tt::kernels::TT_ISA {
namespace {

float sum(const float* x, std::size_t n) {
  return row_sum(
      n, [x](F32 acc, std::size_t i, std::size_t count) { return acc + load_part(x + i, count); },
      [x](std::size_t i) { prefetch_step<kSumAccumulators>(x + i); });
}

float prod(const float* x, std::size_t n) {
  F32 a(1.0f), b(1.0f), c(1.0f), d(1.0f);
  std::size_t i = 0;
  for (; i + 4 * W <= n; i += 4 * W) {
    prefetch_step<4>(x + i);
    a = a * load(x + i);
    b = b * load(x + i + W);
    c = c * load(x + i + 2 * W);
    d = d * load(x + i + 3 * W);
  }
  for (; i + W <= n; i += W) a = a * load(x + i);
  if (i < n) b = b * load_n(x + i, n - i, 1.0f);
  return join_lanes((a * b) * (c * d), [](F32 l, F32 r) { return l * r; });
}

float sum_squared_difference(const float* x, std::size_t n, float center) {
  const F32 c(center);
  return row_sum(
      n,
      [x, c, center](F32 acc, std::size_t i, std::size_t count) {
        const F32 d = load_part(x + i, count, center) - c;
        return fma(d, d, acc);
      },
      [x](std::size_t i) { prefetch_step<kSumAccumulators>(x + i); });
}

float dot(const float* a, const float* b, std::size_t n) {
  return row_sum(
      n,
      [a, b](F32 acc, std::size_t i, std::size_t count) {
        return fma(load_part(a + i, count), load_part(b + i, count), acc);
      },
      [a, b](std::size_t i) {
        prefetch_step<kSumAccumulators>(a + i);
        prefetch_step<kSumAccumulators>(b + i);
      });
}

}  // namespace

void fill_reduce(ReduceTable& table) {
  table.sum = &sum;
  table.prod = &prod;
  table.max = &row_max;
  table.min = &row_min;
  table.sum_squared_difference = &sum_squared_difference;
  table.dot = &dot;
  table.column_sums = &column_sums<>;
}

}  // namespace tt::kernels::TT_ISA
