// a to the power b as 2^(b log2 |a|), the logarithm and the exponential in double precision, with
// the special cases of C's pow. Error: barely above half a unit in the last place.
#pragma once
#include "tinytorch/kernels/vector_math.hpp"

namespace tt::kernels::TT_ISA::math {

inline constexpr double kRoundF64 = 6755399441055744.0;  // 1.5 * 2^52

// b (e + log2 m) with m in [sqrt(1/2), sqrt(2)).
inline F64 log2_times(F64 b, F64 e, F64 m) {
  const F64 s = (m - F64(1.0)) / (m + F64(1.0));
  const F64 p = polynomial(s * s, 2.8853900817778495, 0.9617966941142595, 0.577077942074736,
                           0.4122092838779623, 0.3199043221052746, 0.28292090595468833);
  return b * fma(s, p, e);
}

// 2^t = mantissa * 2^n.
struct Exp2Parts {
  F64 mantissa, n;
};
inline Exp2Parts exp2_parts(F64 t) {
  const F64 bounded = xsimd::select(t > F64(140.0), F64(140.0), t);  // NaN stays
  const F64 inside = xsimd::select(bounded < F64(-170.0), F64(-170.0), bounded);
  const F64 n = (inside + F64(kRoundF64)) - F64(kRoundF64);
  const F64 p = polynomial(inside - n, 0.9999999999616102, 0.6931471807287178, 0.24022651198779285,
                           0.055504103528558904, 0.009618027171298638, 0.0013333922821731415,
                           0.00015469317608382983, 1.520191098871058e-05);
  return {p, n};
}

inline F32 pow_positive(F32 x, F32 y) {
  const LogParts log = split_log(x);
  F32 e = select(x < F32(kInfinity), log.e, x);  // inf and NaN as they are
  e = select(x == F32(0.0f), F32(-kInfinity), e);
  const Exp2Parts low = exp2_parts(log2_times(widen_low(y), widen_low(e), widen_low(log.m)));
  const Exp2Parts high = exp2_parts(log2_times(widen_high(y), widen_high(e), widen_high(log.m)));
  return scale(narrow(low.mantissa, high.mantissa), narrow(low.n, high.n));
}

inline F32 pow(F32 x, F32 y) {
  const F32 one(1.0f), zero(0.0f);
  const F32 t = xsimd::abs(x);
  const F32 half = y * F32(0.5f);
  const Mask whole = xsimd::trunc(y) == y;  // infinities too
  const Mask odd = whole & !(xsimd::trunc(half) == half);
  F32 r = pow_positive(t, y) | select(odd, sign_bit(x), zero);
  const Mask finite_negative = (x < zero) & (x > F32(-kInfinity));
  r = select(finite_negative & !whole & !is_nan(y), F32(__builtin_nanf("")), r);
  const Mask unit = (x == one) | ((t == one) & (xsimd::abs(y) == F32(kInfinity)));
  return select(unit | (y == zero), one, r);
}

}  // namespace tt::kernels::TT_ISA::math
