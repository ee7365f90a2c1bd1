// Largest and smallest of a row for *.simd.cpp files; NaN if any element is NaN; n >= 1.
#pragma once
#include "tinytorch/kernels/simd.hpp"

namespace tt::kernels::TT_ISA {

template <class Pick>
inline float row_extreme(const float* x, std::size_t n, Pick pick) {
  const F32 first(x[0]);
  F32 a = first, b = first, c = first, d = first;
  F32 nan = first;  // NaN once any element was
  std::size_t i = 0;
  const auto visit = [&](F32& best, F32 v) {
    best = pick(best, v);
    nan = select(is_nan(v), v, nan);
  };
  for (; i + 4 * W <= n; i += 4 * W) {
    visit(a, load(x + i));
    visit(b, load(x + i + W));
    visit(c, load(x + i + 2 * W));
    visit(d, load(x + i + 3 * W));
  }
  for (; i + W <= n; i += W) visit(a, load(x + i));
  if (i < n) visit(b, load_n(x + i, n - i, x[0]));
  if (xsimd::any(is_nan(nan))) return __builtin_nanf("");
  alignas(64) float lane[W];
  pick(pick(a, b), pick(c, d)).store_aligned(lane);
  F32 best(lane[0]);
  for (std::size_t k = 1; k < W; ++k) best = pick(best, F32(lane[k]));
  best.store_aligned(lane);
  return lane[0];
}
static inline float row_max(const float* x, std::size_t n) {
  return row_extreme(x, n, [](F32 a, F32 b) { return select(b > a, b, a); });
}
static inline float row_min(const float* x, std::size_t n) {
  return row_extreme(x, n, [](F32 a, F32 b) { return select(b < a, b, a); });
}

}  // namespace tt::kernels::TT_ISA
