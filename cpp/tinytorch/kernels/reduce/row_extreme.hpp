// Largest and smallest of a row for *.simd.cpp files; NaN if any element is NaN; n >= 1.
#pragma once
#include "tinytorch/kernels/row_map.hpp"

namespace tt::kernels::TT_ISA {

// Takes a row's vectors into eight accumulators: take(accumulator, vector). The lanes that the last
// vector lacks are `fill`.
template <class Take>
inline void take_row(const float* x, std::size_t n, float fill, Take take) {
  std::size_t i = 0;
  for (; i + 8 * kLane <= n; i += 8 * kLane) {
    for (std::size_t j = i; j < i + kLane; j += W) {
      TT_UNROLL for (std::size_t k = 0; k < 8; ++k) take(k, load(x + j + k * kLane));
    }
  }
  for (; i + 4 * W <= n; i += 4 * W) {
    TT_UNROLL for (std::size_t k = 0; k < 4; ++k) take(k, load(x + i + k * W));
  }
  for (; i + W <= n; i += W) take(0, load(x + i));
  if (i < n) take(1, load_n(x + i, n - i, fill));
}

template <class Pick>
inline F32 join_eight(const F32 (&v)[8], Pick pick) {
  return pick(pick(pick(v[0], v[1]), pick(v[2], v[3])), pick(pick(v[4], v[5]), pick(v[6], v[7])));
}

template <class Pick>
inline float row_extreme(const float* x, std::size_t n, Pick pick) {
  F32 best[8];
  Mask nan[8];
  for (std::size_t k = 0; k < 8; ++k) {
    best[k] = F32(x[0]);
    nan[k] = is_nan(best[k]);
  }
  take_row(x, n, x[0], [&](std::size_t k, F32 v) {
    best[k] = pick(best[k], v);
    nan[k] = nan[k] | is_nan(v);
  });
  const Mask any =
      ((nan[0] | nan[1]) | (nan[2] | nan[3])) | ((nan[4] | nan[5]) | (nan[6] | nan[7]));
  if (xsimd::any(any)) return __builtin_nanf("");
  return join_lanes(join_eight(best, pick), pick);
}
static inline float row_max(const float* x, std::size_t n) {
  return row_extreme(x, n, [](F32 a, F32 b) { return at_least(a, b); });
}
// The largest, NaN passed over where the instruction set does so; -inf if there is no other.
static inline float row_peak(const float* x, std::size_t n) {
  constexpr float kLowest = -__builtin_inff();
  const auto larger = [](F32 a, F32 b) { return at_least(a, b); };
  F32 best[8];
  for (F32& b : best) b = F32(kLowest);
  take_row(x, n, kLowest, [&](std::size_t k, F32 v) { best[k] = at_least(best[k], v); });
  return join_lanes(join_eight(best, larger), larger);
}
static inline float row_min(const float* x, std::size_t n) {
  return row_extreme(x, n, [](F32 a, F32 b) { return at_most(a, b); });
}

}  // namespace tt::kernels::TT_ISA
