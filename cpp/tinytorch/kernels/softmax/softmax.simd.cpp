#include "tinytorch/kernels/softmax/softmax.hpp"

#include <math.h>

#include "tinytorch/kernels/reduce/row_extreme.hpp"
#include "tinytorch/kernels/reduce/row_sum.hpp"
#include "tinytorch/kernels/vector_math.hpp"

namespace tt::kernels::TT_ISA {
namespace {

inline constexpr float kLowest = -__builtin_inff();

// exp(x - top) of a part of the row; lanes beyond it are 0.
inline F32 power(const float* x, std::size_t count, F32 top) {
  return math::exp_negative(load_part(x, count, kLowest) - top);
}

// sum of exp(x - top), as it goes prefetching the next row.
inline float sum_exp(const float* x, std::size_t n, float top) {
  const F32 t(top);
  const std::size_t distance = next_row(n);
  return row_sum(
      n, [=](F32 acc, std::size_t i, std::size_t count) { return acc + power(x + i, count, t); },
      [=](std::size_t i) { prefetch_step<kSumAccumulators>(x + i, distance); });
}

// y = exp(x - top); returns the sum.
inline float store_exp(const float* x, float* y, std::size_t n, float top) {
  const F32 t(top);
  const std::size_t distance = next_row(n);
  return row_sum(
      n,
      [=](F32 acc, std::size_t i, std::size_t count) {
        const F32 e = power(x + i, count, t);
        store_part(y + i, count, e);
        return acc + e;
      },
      [=](std::size_t i) { prefetch_step<kSumAccumulators>(x + i, distance); });
}

template <bool Streamed>
inline void times(const float* x, F32 factor, float* y, std::size_t n) {
  row_map<Streamed>(
      y, n, [=](std::size_t i, std::size_t count) { return load_part(x + i, count) * factor; });
}

void softmax(const float* x, float* y, std::size_t n) {
  const float total = store_exp(x, y, n, row_peak(x, n));
  times<false>(y, F32(1.0f / total), y, n);
}

// Rows of at most this many elements have their powers in a buffer of the innermost cache, so that
// the result is written once.
inline constexpr std::size_t kBuffered = 4096;

// Writes each row while it computes the powers of the next: the stores do not wait for each other.
// Every row of y is aligned to a vector.
inline void softmax_pipelined(const float* x, float* y, std::size_t rows, std::size_t n) {
  alignas(64) float powers[2][kBuffered];
  float total = store_exp(x, powers[0], n, row_peak(x, n));
  for (std::size_t r = 1; r < rows; ++r) {
    const float* row = x + r * n;
    const float* before = powers[(r - 1) % 2];
    float *now = powers[r % 2], *out = y + (r - 1) * n;
    const F32 top(row_peak(row, n)), inverse(1.0f / total);
    total = row_sum(
        n,
        [=](F32 acc, std::size_t i, std::size_t count) {
          const F32 e = power(row + i, count, top);
          store(now + i, e);
          stream(out + i, load(before + i) * inverse);
          return acc + e;
        },
        [=](std::size_t i) { prefetch_step<kSumAccumulators>(row + i, next_row(n)); });
  }
  times<true>(powers[(rows - 1) % 2], F32(1.0f / total), y + (rows - 1) * n, n);
}

void softmax_streamed(const float* x, float* y, std::size_t rows, std::size_t n) {
  if (rows > 0 && n <= kBuffered && n % W == 0 && until_aligned(y, W) == 0) {
    return softmax_pipelined(x, y, rows, n);
  }
  alignas(64) float powers[kBuffered];
  for (std::size_t r = 0; r < rows; ++r, x += n, y += n) {
    if (n > kBuffered) {
      softmax(x, y, n);
    } else {
      const float total = store_exp(x, powers, n, row_peak(x, n));
      times<true>(powers, F32(1.0f / total), y, n);
    }
  }
}

template <bool Streamed>
void log_softmax(const float* x, float* y, std::size_t n) {
  const float top = row_peak(x, n);
  const F32 t(top), log_total(::logf(sum_exp(x, n, top)));
  row_map<Streamed>(y, n, [=](std::size_t i, std::size_t count) {
    return load_part(x + i, count) - t - log_total;
  });
}

float logsumexp(const float* x, std::size_t n) {
  const float top = row_max(x, n);
  if (__builtin_isinf(top)) return top;
  return top + ::logf(sum_exp(x, n, top));
}

void normalizer(const float* x, std::size_t n, float* top, float* log_total) {
  *top = row_peak(x, n);
  *log_total = ::logf(sum_exp(x, n, *top));
}

template <bool Streamed>
void softmax_grad(const float* dy, const float* y, float* dx, std::size_t n) {
  const std::size_t distance = next_row(n);
  const F32 inner(row_sum(
      n,
      [=](F32 acc, std::size_t i, std::size_t count) {
        return fma(load_part(dy + i, count), load_part(y + i, count), acc);
      },
      [=](std::size_t i) {
        prefetch_step<kSumAccumulators>(dy + i, distance);
        prefetch_step<kSumAccumulators>(y + i, distance);
      }));
  row_map<Streamed>(dx, n, [=](std::size_t i, std::size_t count) {
    return load_part(y + i, count) * (load_part(dy + i, count) - inner);
  });
}

template <bool Streamed>
void log_softmax_grad(const float* dy, const float* y, float* dx, std::size_t n) {
  const std::size_t distance = next_row(n);
  const F32 total(row_sum(
      n, [=](F32 acc, std::size_t i, std::size_t count) { return acc + load_part(dy + i, count); },
      [=](std::size_t i) { prefetch_step<kSumAccumulators>(dy + i, distance); }));
  row_map<Streamed>(
      dx, n,
      [=](std::size_t i, std::size_t count) {
        return load_part(dy + i, count) - math::exp(load_part(y + i, count)) * total;
      },
      [=](std::size_t i) { prefetch(y + i); });
}

template <bool Streamed>
void cross_entropy_grad(const float* x, float top, float log_total, float target, float scale,
                        float* dx, std::size_t n) {
  const F32 t(top), lt(log_total), q(target), s(scale);
  row_map<Streamed>(
      dx, n,
      [=](std::size_t i, std::size_t count) {
        return (math::exp(load_part(x + i, count) - t - lt) - q) * s;
      },
      [=](std::size_t i) { prefetch(x + i); });
}

}  // namespace

void fill_softmax(SoftmaxTable& table) {
  table.softmax = &softmax;
  table.softmax_streamed = &softmax_streamed;
  table.log_softmax = &log_softmax<false>;
  table.log_softmax_streamed = &log_softmax<true>;
  table.logsumexp = &logsumexp;
  table.normalizer = &normalizer;
  table.softmax_grad = &softmax_grad<false>;
  table.softmax_grad_streamed = &softmax_grad<true>;
  table.log_softmax_grad = &log_softmax_grad<false>;
  table.log_softmax_grad_streamed = &log_softmax_grad<true>;
  table.cross_entropy_grad = &cross_entropy_grad<false>;
  table.cross_entropy_grad_streamed = &cross_entropy_grad<true>;
}

}  // namespace tt::kernels::TT_ISA
