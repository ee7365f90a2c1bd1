// Vector mathematics on F32, for *.simd.cpp files only. Branch-free over lanes; NaN passes through;
// denormal arguments and results keep their value. The error bounds are in unary/accuracy.def.
// Polynomials are minimax fits of the stated function (tools/fit_polynomials.py). Multiply-adds are
// fused where the instruction set has them: results differ between instruction sets by rounding.
#pragma once
#include "tinytorch/kernels/simd.hpp"

namespace tt::kernels::TT_ISA::math {

inline constexpr float kInfinity = __builtin_inff();

// c0 + x (c1 + x (c2 + ...))
template <class V>
inline V horner(V, V c) {
  return c;
}
template <class V, class... C>
inline V horner(V x, V c0, C... rest) {
  return fma(x, horner(x, rest...), c0);
}
template <class... C>
inline F32 polynomial(F32 x, C... coefficients) {
  return horner(x, F32(coefficients)...);
}
template <class... C>
inline F64 polynomial(F64 x, C... coefficients) {
  return horner(x, F64(coefficients)...);
}

inline F32 sign_bit(F32 x) { return x & F32(-0.0f); }
inline F32 negate(F32 x) { return x ^ F32(-0.0f); }
inline F32 copy_sign(F32 magnitude, F32 sign) { return magnitude | sign_bit(sign); }  // >= 0

// x inside [low, high]; NaN stays NaN.
inline F32 clamp(F32 x, float low, float high) { return at_most(at_least(x, F32(low)), F32(high)); }

// Adding 1.5 * 2^23 rounds to an integer (to nearest even), which then sits in the low bits.
inline constexpr float kRound = 12582912.0f;
inline I32 to_integer(F32 n) { return as_int(n + F32(kRound)) - as_int(F32(kRound)); }

inline F32 power_of_two(I32 n) { return as_float((n + I32(127)) << 23); }  // -126 <= n <= 127

// y * 2^n for integral |n| <= 250, rounded once: overflow gives inf, and denormals are kept.
inline F32 scale(F32 y, F32 n) {
#if defined(__AVX512F__)
  return F32(_mm512_scalef_ps(y, n));
#else
  const I32 whole = to_integer(n);
  const I32 half = whole >> 1;
  return y * power_of_two(half) * power_of_two(whole - half);
#endif
}

// exp(x + low) = mantissa * 2^n, mantissa in [0.7, 1.42], for |x| <= 170 and |low| << 1.
struct ExpParts {
  F32 mantissa, n;
};
inline constexpr float kLn2Hi = 0.693359375f;  // 9 bits: its products with n are exact
inline constexpr float kLn2Lo = -2.12194440054690583e-4f;
struct ExpReduced {
  F32 r, n;  // x = n ln2 + r, |r| <= ln2 / 2
};
inline ExpReduced reduce_exp(F32 x) {
  const F32 n = fma(x, F32(1.44269504088896341f), F32(kRound)) - F32(kRound);
  return {fma(n, F32(-kLn2Lo), fma(n, F32(-kLn2Hi), x)), n};
}
inline ExpParts exp_parts(F32 r, F32 n) {
  const F32 q = polynomial(r, 0.5f, 0.166665122f, 0.0416661873f, 0.00836959854f, 0.00139518187f);
  return {F32(1.0f) + fma(r * r, q, r), n};
}
inline ExpParts exp_parts(F32 x) {
  const ExpReduced e = reduce_exp(x);
  return exp_parts(e.r, e.n);
}

inline F32 exp(F32 x) {
  const ExpParts e = exp_parts(clamp(x, -106.0f, 89.0f));
  return scale(e.mantissa, e.n);
}

inline F32 exp_negative(F32 x) {  // the same for x <= 0
  const ExpParts e = exp_parts(at_least(x, F32(-106.0f)));
  return scale(e.mantissa, e.n);
}

// exp(x) - 1 for x <= 0, without cancellation.
inline F32 expm1_negative(F32 x) {
  const ExpReduced e = reduce_exp(clamp(x, -20.0f, 0.0f));
  const F32 q = polynomial(e.r, 0.5f, 0.166666672f, 0.0416662544f, 0.00833326206f, 0.00139472133f,
                           0.000199198475f);
  const F32 p = fma(e.r * e.r, q, e.r);
  const F32 power = power_of_two(to_integer(e.n));
  return fma(p, power, power - F32(1.0f));
}

// x > 0 as m 2^e with m in [sqrt(1/2), sqrt(2)); denormals too.
struct LogParts {
  F32 m, e;
};
inline LogParts split_log(F32 x) {
#if defined(__AVX512F__)
  const __m512 m = _mm512_getmant_ps(x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_zero);
  const __m512 e = _mm512_getexp_ps(x);
  const __mmask16 upper = _mm512_cmp_ps_mask(m, _mm512_set1_ps(1.41421356f), _CMP_GE_OQ);
  return {F32(_mm512_mask_mul_ps(m, upper, m, _mm512_set1_ps(0.5f))),
          F32(_mm512_mask_add_ps(e, upper, e, _mm512_set1_ps(1.0f)))};
#else
  const Mask denormal = x < F32(1.17549435e-38f);
  const F32 scaled = select(denormal, x * F32(8388608.0f), x);
  const I32 bits = as_int(scaled) - I32(0x3f3504f3);  // sqrt(1/2)
  const F32 m = as_float((bits & I32(0x007fffff)) + I32(0x3f3504f3));
  const F32 e = xsimd::to_float(bits >> 23) - select(denormal, F32(23.0f), F32(0.0f));
  return {m, e};
#endif
}

// log(x): -inf at 0, NaN below.
inline F32 log(F32 x) {
  const LogParts parts = split_log(x);
  const F32 f = parts.m - F32(1.0f);
  const F32 p = polynomial(f, 0.333333105f, -0.249999866f, 0.200022414f, -0.166692704f,
                           0.142183349f, -0.123837978f, 0.11875017f, -0.117940873f, 0.069157131f);
  const F32 f2 = f * f;
  const F32 low = fma(f2, F32(-0.5f), fma(f2 * f, p, parts.e * F32(kLn2Lo)));
  F32 y = fma(parts.e, F32(kLn2Hi), f + low);
#if defined(__AVX512F__)
  // By the class of x: NaN stays, 0 gives -inf, +inf itself, negative values NaN.
  return F32(_mm512_fixupimm_ps(y, x, _mm512_set1_epi32(0x03530422), 0));
#else
  y = select(x == F32(kInfinity), x, y);
  y = select(x == F32(0.0f), F32(-kInfinity), y);
  return select(x >= F32(0.0f), y, F32(__builtin_nanf("")));
#endif
}

// log(1 + z) for z in [0, 1]: 2 atanh(s), s = z / (2 + z), where 2 s = z - s z.
inline F32 log1p_unit(F32 z) {
  const F32 s = divide(z, z + F32(2.0f));
  const F32 s2 = s * s;
  const F32 p = polynomial(s2, 0.666666746f, 0.39998877f, 0.286168724f, 0.214277849f, 0.243005067f);
  return z - s * (z - s2 * p);
}

inline F32 tanh(F32 x) {
  const F32 t = xsimd::abs(x);
  const F32 z = x * x;
  const F32 p =
      polynomial(z, -0.333333194f, 0.133326024f, -0.0538538583f, 0.0210777558f, -0.00628247019f);
  const F32 near = fma(t * z, p, t);
  const ExpParts e = exp_parts(at_most(t + t, F32(40.0f)));
  const F32 far = F32(1.0f) - divide(F32(2.0f), scale(e.mantissa, e.n) + F32(1.0f));
  return copy_sign(select(t < F32(0.55f), near, far), x);
}

// 1 / (1 + exp(-x)), with all digits for negative x.
inline F32 sigmoid(F32 x) {
  const F32 z = exp_negative(negate(xsimd::abs(x)));
  return divide(select(x < F32(0.0f), z, F32(1.0f)), F32(1.0f) + z);
}

// sigmoid(u) and its slope sigmoid(u) (1 - sigmoid(u)), without cancellation.
struct Logistic {
  F32 value, slope;
};
inline Logistic logistic(F32 u) {
  const F32 z = exp_negative(negate(xsimd::abs(u)));
  const F32 r = divide(F32(1.0f), F32(1.0f) + z);
  const F32 rest = z * r;
  return {select(u < F32(0.0f), rest, r), rest * r};
}

// x / (1 + exp(-u)) where u has the sign of x and |u| >= |x|. For negative x the small factor is
// applied last, so that a denormal result is rounded once.
inline F32 times_sigmoid(F32 x, F32 u) {
  const ExpParts e = exp_parts(at_least(negate(xsimd::abs(u)), F32(-160.0f)));
  const Mask negative = x < F32(0.0f);
  const F32 z = scale(e.mantissa, e.n);
  const F32 top = at_least(x, F32(-160.0f)) * select(negative, e.mantissa, F32(1.0f));
  return scale(divide(top, F32(1.0f) + z), select(negative, e.n, F32(0.0f)));
}

// x / (1 + exp(-u)), given -u, where u has the sign of x and |u| >= |x|: the short way, which loses
// results below 1e-36.
inline F32 over_one_plus_exp(F32 x, F32 minus_u) {
  const ExpParts e = exp_parts(clamp(minus_u, -87.0f, 89.0f));
#if defined(__AVX512F__)
  const F32 z = scale(e.mantissa, e.n);
#else
  const F32 z = e.mantissa * power_of_two(to_integer(e.n));  // 2^128 is the pattern of infinity
#endif
  return divide(at_least(x, F32(-90.0f)), F32(1.0f) + z);
}

inline F32 erf(F32 x) {
  const F32 t = xsimd::abs(x);
  const F32 near = polynomial(x * x, 0.128379166f, -0.37612626f, 0.112835854f, -0.026853811f,
                              0.00518832728f, -0.000801018905f, 7.853844e-05f);
  const F32 c = clamp(t, 0.0f, 4.0f);  // -log(1 - erf(c)) / c
  const F32 q = polynomial(c, 1.1286943f, 0.634969473f, 0.106530949f, -0.0240101479f,
                           0.00375751639f, -0.00035060232f, 1.39635295e-05f);
  const ExpParts e = exp_parts(negate(c * q));
  const F32 far = F32(1.0f) - scale(e.mantissa, e.n);
  return select(t < F32(1.0f), fma(x, near, x), copy_sign(far, x));
}

// The upper tail of the normal distribution, for t in [0, 15]:
//   Phi(-t) = exp(-t^2 / 2) E(t), where E(t) = top / bottom, polynomials with positive
//   coefficients.
// t^2 is split in an exact part and a rest, so that exp loses no digit.
struct NormalTail {
  ExpParts gauss;  // exp(-t^2 / 2)
  F32 top, bottom;
};
inline NormalTail normal_tail(F32 t) {
  const F32 high = as_float(as_int(t) & I32(static_cast<std::int32_t>(0xfffff000)));
  const F32 rest = (t - high) * (t + high) * F32(-0.5f);
  const ExpReduced e = reduce_exp(high * high * F32(-0.5f));
  const F32 top = polynomial(t, 0.5f, 0.439665079f, 0.184253037f, 0.040977139f, 0.00416755956f);
  const F32 bottom =
      polynomial(t, 1.0f, 1.67721522f, 1.206725f, 0.472158372f, 0.102720447f, 0.0104464144f);
  return {exp_parts(e.r + rest, e.n), top, bottom};
}

// sin and cos share the reduction x = k pi/2 + r, |r| <= pi/4. The parts of pi/2 are short enough
// for exact products up to |x| = 8192, with and without fused multiply-add; beyond, callers use
// the C library lane by lane.
inline constexpr float kTrigLimit = 8192.0f;
struct TrigParts {
  I32 k;
  F32 r;
};
inline TrigParts split_trig(F32 x) {
  const F32 shifted = fma(x, F32(0.636619772367581343f), F32(kRound));
  const F32 k = shifted - F32(kRound);
  F32 r = fma(k, F32(-0x1.92p+0f), x);
  r = fma(k, F32(-0x1.fb4p-12f), r);
  r = fma(k, F32(-0x1.444p-24f), r);
  r = fma(k, F32(-0x1.68c234p-39f), r);
  return {as_int(shifted) - as_int(F32(kRound)), r};
}
// sin(r + k pi/2)
inline F32 sin_quadrant(F32 r, I32 k) {
  const F32 z = r * r;
  const F32 s = fma(
      r * z, polynomial(z, -0.166666672f, 0.00833332911f, -0.000198392561f, 2.71756517e-06f), r);
  const F32 c =
      fma(z * z, polynomial(z, 0.0416666679f, -0.00138888834f, 2.47994358e-05f, -2.72033105e-07f),
          fma(z, F32(-0.5f), F32(1.0f)));
  const Mask odd = xsimd::to_float(k & I32(1)) != F32(0.0f);
  return select(odd, c, s) ^ as_float((k & I32(2)) << 30);
}
inline F32 sin_small(F32 x) {  // |x| <= kTrigLimit
  const TrigParts parts = split_trig(xsimd::abs(x));
  return sin_quadrant(parts.r, parts.k) ^ sign_bit(x);
}
inline F32 cos_small(F32 x) {
  const TrigParts parts = split_trig(xsimd::abs(x));
  return sin_quadrant(parts.r, parts.k + I32(1));
}

}  // namespace tt::kernels::TT_ISA::math
