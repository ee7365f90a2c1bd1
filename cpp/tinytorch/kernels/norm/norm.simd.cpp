#include "tinytorch/kernels/norm/norm.hpp"

#include "tinytorch/kernels/reduce/row_sum.hpp"

namespace tt::kernels::TT_ISA {
namespace {

inline F32 weight(const float* gamma, std::size_t i, std::size_t count) {
  return gamma == nullptr ? F32(1.0f) : load_part(gamma + i, count);
}

inline float reciprocal_root(float mean_square, float eps) {
  return 1.0f / __builtin_sqrtf(mean_square + eps);
}

// Prefetches the next row of each array while a sum runs over this one.
struct NextRow {
  const float *a, *b;
  std::size_t distance;
  void operator()(std::size_t i) const {
    prefetch_step<kSumAccumulators>(a + i, distance);
    if (b != nullptr) prefetch_step<kSumAccumulators>(b + i, distance);
  }
};

template <bool Streamed>
void layer_norm(const float* x, const float* gamma, const float* beta, float eps, float* y,
                std::size_t n, float* mean, float* rstd) {
  const float count_n = static_cast<float>(n);
  const float center =
      row_sum(n, [x](F32 acc, std::size_t i,
                     std::size_t count) { return acc + load_part(x + i, count); }) /
      count_n;
  const F32 c(center);
  const float squares = row_sum(
      n,
      [x, c, center](F32 acc, std::size_t i, std::size_t count) {
        const F32 d = load_part(x + i, count, center) - c;
        return fma(d, d, acc);
      },
      NextRow{x, nullptr, next_row(n)});
  *mean = center;
  *rstd = reciprocal_root(squares / count_n, eps);
  const F32 r(*rstd);
  row_map<Streamed>(y, n, [=](std::size_t i, std::size_t count) {
    F32 v = (load_part(x + i, count) - c) * r;
    if (gamma != nullptr) v = v * load_part(gamma + i, count);
    if (beta != nullptr) v = v + load_part(beta + i, count);
    return v;
  });
}

template <bool Streamed>
void layer_norm_grad(const float* dy, const float* x, const float* gamma, float mean, float rstd,
                     float* dx, float* dgamma, float* dbeta, std::size_t n) {
  const F32 c(mean), r(rstd);
  const float count_n = static_cast<float>(n);
  const F32 mean_g(row_sum(n,
                           [=](F32 acc, std::size_t i, std::size_t count) {
                             return fma(load_part(dy + i, count), weight(gamma, i, count), acc);
                           }) /
                   count_n);
  const F32 mean_gh(row_sum(
                        n,
                        [=](F32 acc, std::size_t i, std::size_t count) {
                          const F32 g = load_part(dy + i, count) * weight(gamma, i, count);
                          return fma(g, (load_part(x + i, count) - c) * r, acc);
                        },
                        NextRow{dy, x, next_row(n)}) /
                    count_n);
  row_map<Streamed>(dx, n, [=](std::size_t i, std::size_t count) {
    const F32 d = load_part(dy + i, count), h = (load_part(x + i, count) - c) * r;
    if (dgamma != nullptr) store_part(dgamma + i, count, fma(d, h, load_part(dgamma + i, count)));
    if (dbeta != nullptr) store_part(dbeta + i, count, load_part(dbeta + i, count) + d);
    return r * (d * weight(gamma, i, count) - mean_g - h * mean_gh);
  });
}

template <bool Streamed>
void rms_norm(const float* x, const float* gamma, float eps, float* y, std::size_t n, float* rstd) {
  const float squares = row_sum(
      n,
      [x](F32 acc, std::size_t i, std::size_t count) {
        const F32 v = load_part(x + i, count);
        return fma(v, v, acc);
      },
      NextRow{x, nullptr, next_row(n)});
  *rstd = reciprocal_root(squares / static_cast<float>(n), eps);
  const F32 r(*rstd);
  row_map<Streamed>(y, n, [=](std::size_t i, std::size_t count) {
    return load_part(x + i, count) * r * weight(gamma, i, count);
  });
}

template <bool Streamed>
void rms_norm_grad(const float* dy, const float* x, const float* gamma, float rstd, float* dx,
                   float* dgamma, std::size_t n) {
  const F32 r(rstd);
  const F32 mean_gh(row_sum(
                        n,
                        [=](F32 acc, std::size_t i, std::size_t count) {
                          const F32 g = load_part(dy + i, count) * weight(gamma, i, count);
                          return fma(g, load_part(x + i, count) * r, acc);
                        },
                        NextRow{dy, x, next_row(n)}) /
                    static_cast<float>(n));
  row_map<Streamed>(dx, n, [=](std::size_t i, std::size_t count) {
    const F32 d = load_part(dy + i, count), h = load_part(x + i, count) * r;
    if (dgamma != nullptr) store_part(dgamma + i, count, fma(d, h, load_part(dgamma + i, count)));
    return r * (d * weight(gamma, i, count) - h * mean_gh);
  });
}

}  // namespace

void fill_norm(NormTable& table) {
  table.layer_norm = &layer_norm<false>;
  table.layer_norm_streamed = &layer_norm<true>;
  table.layer_norm_grad = &layer_norm_grad<false>;
  table.layer_norm_grad_streamed = &layer_norm_grad<true>;
  table.rms_norm = &rms_norm<false>;
  table.rms_norm_streamed = &rms_norm<true>;
  table.rms_norm_grad = &rms_norm_grad<false>;
  table.rms_norm_grad_streamed = &rms_norm_grad<true>;
}

}  // namespace tt::kernels::TT_ISA
