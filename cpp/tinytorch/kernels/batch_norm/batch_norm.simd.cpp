// Compiled once per instruction set. See batch_norm.hpp for what the functions compute.
#include "tinytorch/kernels/batch_norm/batch_norm.hpp"

#include "tinytorch/kernels/bf16_lanes.simd.hpp"
#include "tinytorch/kernels/reduce/row_sum.hpp"

namespace tt::kernels::TT_ISA {
namespace {

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

// Calls step(row, lane) for every row, four lanes in turn: sums that do not wait for each other.
template <class Step>
inline void each_row(std::size_t rows, Step step) {
  std::size_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    TT_UNROLL for (std::size_t lane = 0; lane < 4; ++lane) step(r + lane, lane);
  }
  for (; r < rows; ++r) step(r, r % 4);
}

template <class T>
void pixel_moments(const T* x, std::size_t rows, std::size_t channels, float* mean,
                   float* squares) {
  const F32 share(1.0f / static_cast<float>(rows));
  sweep(channels, [=](std::size_t c, std::size_t count) {
    F32 sum[4] = {F32(0.0f), F32(0.0f), F32(0.0f), F32(0.0f)};
    each_row(rows, [&](std::size_t r, std::size_t lane) {
      sum[lane] = sum[lane] + load_part(x + r * channels + c, count);
    });
    const F32 center = ((sum[0] + sum[1]) + (sum[2] + sum[3])) * share;
    F32 total[4] = {F32(0.0f), F32(0.0f), F32(0.0f), F32(0.0f)};
    each_row(rows, [&](std::size_t r, std::size_t lane) {
      const F32 d = load_part(x + r * channels + c, count) - center;
      total[lane] = fma(d, d, total[lane]);
    });
    store_part(mean + c, count, center);
    store_part(squares + c, count, (total[0] + total[1]) + (total[2] + total[3]));
  });
}

template <bool Relu, class T>
void apply_pixels(const T* x, const BatchNormPixels& p, T* y) {
  for (std::size_t r = 0; r < p.rows; ++r, x += p.channels, y += p.channels) {
    sweep(p.channels, [&](std::size_t c, std::size_t count) {
      F32 v = fma(load_part(x + c, count), load_part(p.scale + c, count),
                  load_part(p.shift + c, count));
      if constexpr (Relu) v = at_least(v, F32(0.0f));
      store_part(y + c, count, v);
    });
  }
}
template <class T>
void pixel_apply(const T* x, const BatchNormPixels& p, T* y) {
  p.relu ? apply_pixels<true>(x, p, y) : apply_pixels<false>(x, p, y);
}

// What of dy passes the relu behind x scale + shift.
template <bool Relu>
inline F32 passed(F32 dy, F32 x, F32 scale, F32 shift) {
  if constexpr (!Relu) return dy;
  return select(fma(x, scale, shift) > F32(0.0f), dy, F32(0.0f));
}

template <bool Relu, class T>
void sum_pixel_grads(const T* dy, const T* x, const BatchNormPixels& p, float* sum,
                     float* product) {
  sweep(p.channels, [&](std::size_t c, std::size_t count) {
    const F32 scale = load_part(p.scale + c, count), shift = load_part(p.shift + c, count);
    const F32 mean = load_part(p.mean + c, count), zero(0.0f);
    F32 s[4] = {zero, zero, zero, zero}, q[4] = {zero, zero, zero, zero};
    each_row(p.rows, [&](std::size_t r, std::size_t lane) {
      const std::size_t at = r * p.channels + c;
      const F32 v = load_part(x + at, count);
      const F32 g = passed<Relu>(load_part(dy + at, count), v, scale, shift);
      s[lane] = s[lane] + g;
      q[lane] = fma(g, v - mean, q[lane]);
    });
    store_part(sum + c, count, (s[0] + s[1]) + (s[2] + s[3]));
    store_part(product + c, count, (q[0] + q[1]) + (q[2] + q[3]));
  });
}
template <class T>
void pixel_grad_sums(const T* dy, const T* x, const BatchNormPixels& p, float* sum,
                     float* product) {
  p.relu ? sum_pixel_grads<true>(dy, x, p, sum, product)
         : sum_pixel_grads<false>(dy, x, p, sum, product);
}

template <bool Relu, class T>
void grad_pixels(const T* dy, const T* x, const BatchNormPixels& p, T* dx) {
  for (std::size_t r = 0; r < p.rows; ++r) {
    const std::size_t at = r * p.channels;
    sweep(p.channels, [&](std::size_t c, std::size_t count) {
      const F32 scale = load_part(p.scale + c, count), shift = load_part(p.shift + c, count);
      const F32 v = load_part(x + at + c, count);
      const F32 g = passed<Relu>(load_part(dy + at + c, count), v, scale, shift);
      const F32 rest = fma(v - load_part(p.mean + c, count), load_part(p.slope + c, count),
                           load_part(p.offset + c, count));
      store_part(dx + at + c, count, fma(g, scale, rest));
    });
  }
}
template <class T>
void pixel_grad(const T* dy, const T* x, const BatchNormPixels& p, T* dx) {
  p.relu ? grad_pixels<true>(dy, x, p, dx) : grad_pixels<false>(dy, x, p, dx);
}

template <class T>
BatchNormPixelTable<T> pixel_table() {
  return {&pixel_moments<T>, &pixel_apply<T>, &pixel_grad_sums<T>, &pixel_grad<T>};
}

}  // namespace

void fill_batch_norm(BatchNormTable& table) {
  table = BatchNormTable{
      &moments, &apply, &grad_sums, &grad, pixel_table<float>(), pixel_table<std::uint16_t>()};
}

}  // namespace tt::kernels::TT_ISA
