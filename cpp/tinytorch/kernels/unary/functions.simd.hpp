// The vector form of every function of unary.def: same structs as functions.hpp, on F32.
#pragma once
#include "tinytorch/kernels/vector_math.hpp"

namespace tt::kernels::TT_ISA::functions {

inline F32 zero() { return F32(0.0f); }
inline F32 one() { return F32(1.0f); }

// v in each lane where |x| <= limit, else the C library's scalar function of x.
template <class Scalar>
inline F32 patch_large(F32 x, F32 v, Scalar f) {
  const Mask large = !(xsimd::abs(x) <= F32(math::kTrigLimit));
  if (!xsimd::any(large)) return v;
  alignas(64) float in[W], out[W];
  x.store_aligned(in);
  v.store_aligned(out);
  for (std::size_t i = 0; i < W; ++i) {
    if (!(__builtin_fabsf(in[i]) <= math::kTrigLimit)) out[i] = f(in[i]);
  }
  return F32::load_aligned(out);
}
inline F32 sine(F32 x) {
  return patch_large(x, math::sin_small(x), [](float v) { return ::sinf(v); });
}
inline F32 cosine(F32 x) {
  return patch_large(x, math::cos_small(x), [](float v) { return ::cosf(v); });
}

// x where x > 0, 0 where x <= 0, NaN where x is NaN.
inline F32 positive_part(F32 x) { return select(x <= zero(), zero(), x); }
// x * s(x) with s a sigmoid-like factor: 0 at -inf, where the product would be NaN.
inline F32 gated(F32 x, F32 s) { return select(x == F32(-__builtin_inff()), zero(), x * s); }

struct neg {
  static F32 forward(F32 x, F32) { return x ^ F32(-0.0f); }
  static F32 backward(F32 dy, F32, F32) { return dy ^ F32(-0.0f); }
};
struct abs {
  static F32 forward(F32 x, F32) { return xsimd::abs(x); }
  static F32 backward(F32 dy, F32 x, F32) {
    return select(x > zero(), dy, select(x < zero(), dy ^ F32(-0.0f), x + x));
  }
};
struct sign {
  static F32 forward(F32 x, F32) {
    return select(x > zero(), one(), select(x < zero(), F32(-1.0f), x));
  }
  static F32 backward(F32, F32, F32) { return zero(); }
};
struct square {
  static F32 forward(F32 x, F32) { return x * x; }
  static F32 backward(F32 dy, F32 x, F32) { return dy * (x + x); }
};
struct sqrt {
  static F32 forward(F32 x, F32) { return xsimd::sqrt(x); }
  static F32 backward(F32 dy, F32 y, F32) { return dy / (y + y); }
};
struct rsqrt {
  static F32 forward(F32 x, F32) { return one() / xsimd::sqrt(x); }
  static F32 backward(F32 dy, F32 y, F32) { return dy * (F32(-0.5f) * (y * y * y)); }
};
struct reciprocal {
  static F32 forward(F32 x, F32) { return one() / x; }
  static F32 backward(F32 dy, F32 y, F32) { return (dy ^ F32(-0.0f)) * (y * y); }
};
struct exp {
  static F32 forward(F32 x, F32) { return math::exp(x); }
  static F32 backward(F32 dy, F32 y, F32) { return dy * y; }
};
struct log {
  static F32 forward(F32 x, F32) { return math::log(x); }
  static F32 backward(F32 dy, F32 x, F32) { return dy / x; }
};
struct sin {
  static F32 forward(F32 x, F32) { return sine(x); }
  static F32 backward(F32 dy, F32 x, F32) { return dy * cosine(x); }
};
struct cos {
  static F32 forward(F32 x, F32) { return cosine(x); }
  static F32 backward(F32 dy, F32 x, F32) { return (dy ^ F32(-0.0f)) * sine(x); }
};
struct tanh {
  static F32 forward(F32 x, F32) { return math::tanh(x); }
  static F32 backward(F32 dy, F32 y, F32) { return dy * (one() - y * y); }
};
struct erf {
  static F32 forward(F32 x, F32) { return math::erf(x); }
  static F32 backward(F32 dy, F32 x, F32) {
    return dy * (F32(1.12837916709551257f) * math::exp(x * x ^ F32(-0.0f)));
  }
};
struct sigmoid {
  static F32 forward(F32 x, F32) { return math::sigmoid(x); }
  static F32 backward(F32 dy, F32 y, F32) { return dy * (y * (one() - y)); }
};
struct relu {
  static F32 forward(F32 x, F32) { return positive_part(x); }
  static F32 backward(F32 dy, F32 y, F32) {
    return select(y > zero(), dy, select(y <= zero(), zero(), y));
  }
};
struct leaky_relu {
  static F32 forward(F32 x, F32 a) { return select(x > zero(), x, a * x); }
  static F32 backward(F32 dy, F32 x, F32 a) { return select(x > zero(), dy, a * dy); }
};
struct elu {
  static F32 forward(F32 x, F32 a) { return select(x > zero(), x, a * math::expm1_negative(x)); }
  static F32 backward(F32 dy, F32 x, F32 a) {
    return select(x > zero(), dy, dy * (a * math::exp(x)));
  }
};
struct gelu {
  // max(x, 0) - |x| Phi(-|x|): every digit of the lower tail is kept.
  static F32 forward(F32 x, F32) {
    const F32 t = math::clamp(xsimd::abs(x), 0.0f, 15.0f);
    return positive_part(x) - t * math::normal_tail(t).tail;
  }
  static F32 backward(F32 dy, F32 x, F32) {
    const F32 t = math::clamp(xsimd::abs(x), 0.0f, 15.0f);
    const math::NormalTail n = math::normal_tail(t);
    const F32 phi = select(x < zero(), n.tail, one() - n.tail);
    const F32 signed_t = t | math::sign_bit(x);
    return dy * fma(signed_t, F32(0.398942280401432678f) * n.gauss, phi);
  }
};
struct gelu_tanh {
  static constexpr float kScale = 1.59576912160573071f;  // 2 sqrt(2 / pi)
  static constexpr float kCubic = 0.044715f;
  static F32 forward(F32 x, F32) {
    const F32 u = F32(kScale) * (x * fma(F32(kCubic), x * x, one()));
    return gated(x, math::sigmoid(u));
  }
  static F32 backward(F32 dy, F32 x, F32) {
    const F32 x2 = x * x;
    const F32 s = math::sigmoid(F32(kScale) * (x * fma(F32(kCubic), x2, one())));
    const F32 slope = F32(kScale) * fma(F32(3 * kCubic), x2, one());
    const F32 curve = s * (one() - s);
    return dy * select(curve == zero(), s, fma(curve, x * slope, s));
  }
};
struct gelu_sigmoid {
  static F32 forward(F32 x, F32) { return gated(x, math::sigmoid(F32(1.702f) * x)); }
  static F32 backward(F32 dy, F32 x, F32) {
    const F32 u = F32(1.702f) * x;
    const F32 s = math::sigmoid(u);
    const F32 curve = s * (one() - s);
    return dy * select(curve == zero(), s, fma(curve, u, s));
  }
};
struct silu {
  static F32 forward(F32 x, F32) { return gated(x, math::sigmoid(x)); }
  static F32 backward(F32 dy, F32 x, F32) {
    const F32 s = math::sigmoid(x);
    const F32 curve = s * (one() - s);
    return dy * select(curve == zero(), s, fma(curve, x, s));
  }
};
struct softplus {
  static F32 forward(F32 x, F32) {
    const F32 z = math::exp(xsimd::abs(x) ^ F32(-0.0f));
    return positive_part(x) + math::log1p_unit(z);
  }
  static F32 backward(F32 dy, F32 x, F32) { return dy * math::sigmoid(x); }
};

}  // namespace tt::kernels::TT_ISA::functions
