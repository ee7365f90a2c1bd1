// Vector mathematics on F32, for *.simd.cpp files only. All functions are branch-free over lanes
// (except the range fallback of sin and cos), pass NaN through, and keep denormals.
// Polynomials are minimax fits (tools/fit_polynomials.py). Multiply-adds are fused where the
// instruction set has them, so results differ between instruction sets by rounding only.
// The bound of each function is in unary/accuracy.def.
#pragma once
#include "tinytorch/kernels/simd.hpp"

namespace tt::kernels::TT_ISA::math {

// c0 + x (c1 + x (c2 + ...))
template <class V>
inline V horner(V, float c) {
  return V(c);
}
template <class V, class... C>
inline V horner(V x, float c0, C... rest) {
  return fma(x, horner(x, rest...), V(c0));
}

inline F32 sign_bit(F32 x) { return x & F32(-0.0f); }
inline F32 copy_sign(F32 magnitude, F32 sign) { return xsimd::abs(magnitude) | sign_bit(sign); }

// Adding 1.5 * 2^23 rounds to an integer (to nearest even) that then sits in the low bits.
inline constexpr float kRound = 12582912.0f;
inline constexpr float kLog2e = 1.44269504088896341f;
inline constexpr float kLn2Hi = 0.693359375f;  // 9 bits: products with small integers are exact
inline constexpr float kLn2Lo = -2.12194440054690583e-4f;

// 2^n for integers n in [-126, 127].
inline F32 power_of_two(I32 n) { return as_float((n + I32(127)) << 23); }

// x = n ln2 + r with |r| <= ln2 / 2.
struct ExpParts {
  I32 n;
  F32 r;
};
inline ExpParts split_exp(F32 x) {
  const F32 shifted = fma(x, F32(kLog2e), F32(kRound));
  const F32 n = shifted - F32(kRound);
  const F32 r = fma(n, F32(-kLn2Lo), fma(n, F32(-kLn2Hi), x));
  return {as_int(shifted) - as_int(F32(kRound)), r};
}

// Puts x inside [low, high]; NaN stays NaN.
inline F32 clamp(F32 x, float low, float high) {
  const F32 inside = xsimd::min(xsimd::max(x, F32(low)), F32(high));
  return select(is_nan(x), x, inside);
}

// y * 2^n for n in [-252, 254]: two steps, rounded once, denormal results kept.
inline F32 scale(F32 y, I32 n) {
  const I32 half = n >> 1;
  return y * power_of_two(half) * power_of_two(n - half);
}

// exp(x + low) for a small correction |low| << 1.
inline F32 exp_sum(F32 x, F32 low) {
  ExpParts parts = split_exp(clamp(x, -106.0f, 89.0f));
  const F32 r = parts.r + low;
  const F32 q = horner(r, 0.5f, 0.166665122f, 0.0416661873f, 0.00836959854f, 0.00139518187f);
  return scale(fma(r * r, q, r) + F32(1.0f), parts.n);
}
inline F32 exp(F32 x) { return exp_sum(x, F32(0.0f)); }

// exp(x) - 1 for x <= 0, without cancellation.
inline F32 expm1_negative(F32 x) {
  const ExpParts parts = split_exp(clamp(x, -20.0f, 0.0f));
  const F32 r = parts.r;
  const F32 q = horner(r, 0.5f, 0.166666672f, 0.0416662544f, 0.00833326206f, 0.00139472133f,
                       0.000199198475f);
  const F32 p = fma(r * r, q, r);
  const F32 power = power_of_two(parts.n);
  return fma(p, power, power - F32(1.0f));
}

// log(x): -inf at 0, NaN below.
inline F32 log(F32 x) {
  const Mask denormal = x < F32(1.17549435e-38f);
  const F32 scaled = select(denormal, x * F32(8388608.0f), x);
  // The exponent that leaves m in [sqrt(1/2), sqrt(2)): 0x3f3504f3 is sqrt(1/2).
  const I32 bits = as_int(scaled) - I32(0x3f3504f3);
  const I32 e = bits >> 23;
  const F32 m = as_float((bits & I32(0x007fffff)) + I32(0x3f3504f3));
  const F32 exponent = xsimd::to_float(e) - select(denormal, F32(23.0f), F32(0.0f));
  const F32 f = m - F32(1.0f);
  const F32 p = horner(f, 0.333333105f, -0.249999866f, 0.200022414f, -0.166692704f, 0.142183349f,
                       -0.123837978f, 0.11875017f, -0.117940873f, 0.069157131f);
  const F32 f2 = f * f;
  F32 low = fma(f2 * f, p, exponent * F32(kLn2Lo));
  low = fma(f2, F32(-0.5f), low);
  F32 y = fma(exponent, F32(kLn2Hi), f + low);
  y = select(x == F32(__builtin_inff()), x, y);
  y = select(x == F32(0.0f), F32(-__builtin_inff()), y);
  return select((x < F32(0.0f)) | is_nan(x), F32(__builtin_nanf("")), y);
}

// log(1 + z) for z in [0, 1], as 2 atanh(z / (2 + z)).
inline F32 log1p_unit(F32 z) {
  const F32 s = z / (z + F32(2.0f));
  const F32 s2 = s * s;
  const F32 p = horner(s2, 0.666666746f, 0.39998877f, 0.286168724f, 0.214277849f, 0.243005067f);
  return fma(s * s2, p, s + s);
}

inline F32 tanh(F32 x) {
  const F32 e = expm1_negative(xsimd::abs(x) * F32(-2.0f));
  return copy_sign(e / (e + F32(2.0f)), x);
}

inline F32 sigmoid(F32 x) {
  const F32 z = exp(F32(0.0f) - xsimd::abs(x));
  const F32 r = F32(1.0f) / (F32(1.0f) + z);
  return select(x < F32(0.0f), z * r, r);
}

inline F32 erf(F32 x) {
  const F32 t = xsimd::abs(x);
  const F32 z = x * x;
  const F32 near = x * horner(z, 1.12837911f, -0.37612626f, 0.112835854f, -0.026853811f,
                              0.00518832728f, -0.000801018905f, 7.853844e-05f);
  const F32 c = clamp(t, 0.0f, 4.0f);
  const F32 q = horner(c, 1.1286943f, 0.634969473f, 0.106530949f, -0.0240101479f, 0.00375751639f,
                       -0.00035060232f, 1.39635295e-05f);
  const F32 far = copy_sign(F32(1.0f) - exp(F32(0.0f) - c * q), x);
  return select(t < F32(1.0f), near, far);
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
  const F32 s = fma(r * z, horner(z, -0.166666672f, 0.00833332911f, -0.000198392561f,
                                  2.71756517e-06f), r);
  const F32 c = fma(z * z, horner(z, 0.0416666679f, -0.00138888834f, 2.47994358e-05f,
                                  -2.72033105e-07f), fma(z, F32(-0.5f), F32(1.0f)));
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

// 1 - erf(t / sqrt 2) over 2 = Phi(-t), the upper tail of the normal distribution, for t >= 0, as
// exp(-t^2 / 2) E(t); also the exponential itself. t^2 is split so that no digit is lost.
struct NormalTail {
  F32 tail, gauss;
};
inline NormalTail normal_tail(F32 t) {
  const F32 high = as_float(as_int(t) & I32(static_cast<std::int32_t>(0xfffff000)));
  const F32 low = (t - high) * (t + high);
  const F32 gauss = exp_sum(high * high * F32(-0.5f), low * F32(-0.5f));
  const F32 u = F32(1.0f) / fma(t, F32(0.24f), F32(1.0f));
  const F32 q = horner(u, 0.0957420841f, 0.0958569944f, 0.0889365897f, 0.0877529308f,
                       0.0281771664f, 0.141417757f, -0.144238845f, 0.205461323f, -0.124631263f,
                       0.02552527f);
  return {gauss * (u * q), gauss};
}

}  // namespace tt::kernels::TT_ISA::math
