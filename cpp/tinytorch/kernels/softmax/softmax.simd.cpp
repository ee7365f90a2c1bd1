#include "tinytorch/kernels/softmax/softmax.hpp"

#include <math.h>

#include "tinytorch/kernels/reduce/row_extreme.hpp"
#include "tinytorch/kernels/reduce/row_sum.hpp"
#include "tinytorch/kernels/vector_math.hpp"

namespace tt::kernels::TT_ISA {
namespace {

inline constexpr float kLowest = -__builtin_inff();

// exp(x) for x <= 0, and 0 where that is below the normal range: a denormal result costs a hundred
// ordinary ones, and masked scores would all have one.
inline F32 exp_normal(F32 x) {
  const F32 least(-87.0f);
  const math::ExpParts e = math::exp_parts(at_least(x, least));
  return select(x < least, F32(0.0f), math::scale(e.mantissa, e.n));
}

// exp(x - top) of a part of the row; lanes beyond it are 0.
inline F32 power(const float* x, std::size_t count, F32 top) {
  return exp_normal(load_part(x, count, kLowest) - top);
}

// sum of exp(x - top), as it goes prefetching the next row.
inline float sum_exp(const float* x, std::size_t n, float top) {
  const F32 t(top);
  const std::size_t distance = next_row(n);
  return row_sum(
      n, [=](F32 acc, std::size_t i, std::size_t count) { return acc + power(x + i, count, t); },
      [=](std::size_t i) { prefetch_step<kSumAccumulators>(x + i, distance); });
}

// y = exp(x - top); returns the sum. `padded`: y has room for whole vectors.
template <bool padded>
inline float store_exp(const float* x, float* y, std::size_t n, float top) {
  const F32 t(top);
  const std::size_t distance = next_row(n);
  return row_sum(
      n,
      [=](F32 acc, std::size_t i, std::size_t count) {
        const F32 e = power(x + i, count, t);
        if constexpr (padded) {
          store(y + i, e);
        } else {
          store_part(y + i, count, e);
        }
        return acc + e;
      },
      [=](std::size_t i) { prefetch_step<kSumAccumulators>(x + i, distance); });
}

// Rows of at most this many elements have their powers in a buffer of the innermost cache, so that
// the result is written once.
inline constexpr std::size_t kBuffered = 4096;
struct Powers {
  alignas(64) float value[kBuffered + W];
};

inline void times(const Powers& powers, float factor, float* y, std::size_t n) {
  const F32 f(factor);
  const float* p = powers.value;
  row_map<true>(y, n, [=](std::size_t i, std::size_t) { return load(p + i) * f; });
}

inline void buffered_softmax(const float* x, float* y, std::size_t n) {
  Powers powers;
  const float total = store_exp<true>(x, powers.value, n, row_peak(x, n));
  times(powers, 1.0f / total, y, n);
}

// A row of one vector at most: the same steps without the loops.
inline void softmax_short(const float* x, float* y, std::size_t n) {
  const F32 v = load_part(x, n, kLowest);
  const F32 top(join_lanes(v, [](F32 a, F32 b) { return at_least(a, b); }));
  const F32 e = exp_normal(v - top);
  store_part(y, n, e * F32(1.0f / sum_lanes(e)));
}

void softmax(const float* x, float* y, std::size_t n) {
  if (n <= W) return softmax_short(x, y, n);
  const F32 inverse(1.0f / store_exp<false>(x, y, n, row_peak(x, n)));
  row_map<false>(
      y, n, [=](std::size_t i, std::size_t count) { return load_part(y + i, count) * inverse; });
}

// Writes each row while it computes the powers of the next: the stores do not wait for each other.
// Every row of y is aligned to a vector.
inline void softmax_pipelined(const float* x, float* y, std::size_t rows, std::size_t n) {
  Powers powers[2];
  float total = store_exp<true>(x, powers[0].value, n, row_peak(x, n));
  for (std::size_t r = 1; r < rows; ++r) {
    const float* row = x + r * n;
    const float* before = powers[(r - 1) % 2].value;
    float *now = powers[r % 2].value, *out = y + (r - 1) * n;
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
  times(powers[(rows - 1) % 2], 1.0f / total, y + (rows - 1) * n, n);
}

void softmax_streamed(const float* x, float* y, std::size_t rows, std::size_t n) {
  if (rows > 0 && n <= kBuffered && n % W == 0 && until_aligned(y, W) == 0) {
    return softmax_pipelined(x, y, rows, n);
  }
  for (std::size_t r = 0; r < rows; ++r, x += n, y += n) {
    if (n > kBuffered) {
      softmax(x, y, n);
    } else {
      buffered_softmax(x, y, n);
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
        return load_part(dy + i, count) - exp_normal(load_part(y + i, count)) * total;
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
        return (exp_normal(load_part(x + i, count) - t - lt) - q) * s;
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
