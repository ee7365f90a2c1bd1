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
struct neg {
  static F32 forward(F32 x, F32) { return math::negate(x); }
  static F32 backward(F32 dy, F32, F32) { return math::negate(dy); }
};
struct abs {
  static F32 forward(F32 x, F32) { return xsimd::abs(x); }
  static F32 backward(F32 dy, F32 x, F32) {
    return select(x > zero(), dy, select(x < zero(), math::negate(dy), x + x));
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
  static F32 forward(F32 x, F32) { return square_root(x); }
  static F32 backward(F32 dy, F32 y, F32) { return divide(dy, y + y); }
};
struct rsqrt {
  static F32 forward(F32 x, F32) { return divide(one(), square_root(x)); }
  static F32 backward(F32 dy, F32 y, F32) { return dy * (F32(-0.5f) * y * (y * y)); }
};
struct reciprocal {
  static F32 forward(F32 x, F32) { return divide(one(), x); }
  static F32 backward(F32 dy, F32 y, F32) { return math::negate(dy) * (y * y); }
};
struct exp {
  static F32 forward(F32 x, F32) { return math::exp(x); }
  static F32 backward(F32 dy, F32 y, F32) { return dy * y; }
};
struct log {
  static F32 forward(F32 x, F32) { return math::log(x); }
  static F32 backward(F32 dy, F32 x, F32) { return divide(dy, x); }
};
struct sin {
  static F32 forward(F32 x, F32) { return sine(x); }
  static F32 backward(F32 dy, F32 x, F32) { return dy * cosine(x); }
};
struct cos {
  static F32 forward(F32 x, F32) { return cosine(x); }
  static F32 backward(F32 dy, F32 x, F32) { return math::negate(dy) * sine(x); }
};
struct tanh {
  static F32 forward(F32 x, F32) { return math::tanh(x); }
  static F32 backward(F32 dy, F32 y, F32) { return dy * ((one() - y) * (one() + y)); }
};
struct erf {
  static F32 forward(F32 x, F32) { return math::erf(x); }
  static F32 backward(F32 dy, F32 x, F32) {
    return dy * (F32(1.12837916709551257f) * math::exp(math::negate(x * x)));
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
    const F32 t = at_most(xsimd::abs(x), F32(15.0f));
    const math::NormalTail n = math::normal_tail(t);
    return positive_part(x) -
           math::scale(divide(t * n.gauss.mantissa * n.top, n.bottom), n.gauss.n);
  }
  static F32 backward(F32 dy, F32 x, F32) {
    const F32 t = at_most(xsimd::abs(x), F32(15.0f));
    const math::NormalTail n = math::normal_tail(t);
    const F32 gauss = math::scale(n.gauss.mantissa, n.gauss.n);
    const F32 tail = divide(gauss * n.top, n.bottom);
    const F32 phi = select(x < zero(), tail, one() - tail);
    return dy * fma(math::copy_sign(t, x), F32(0.398942280401432678f) * gauss, phi);
  }
};
// s(u) + s'(u) x du/dx for the gradient of x s(u): the second term is 0 in both tails, where
// x du/dx may overflow.
inline F32 gate_slope(const math::Logistic& s, F32 x_slope) {
  return select(s.slope == zero(), s.value, fma(s.slope, x_slope, s.value));
}
struct gelu_tanh {
  // 0.5 (1 + tanh u) = sigmoid(2 u), and 2 u = x (scale + cubic x^2).
  static constexpr float kScale = 1.59576912160573071f;  // 2 sqrt(2 / pi)
  static constexpr float kCubic = 1.59576912160573071f * 0.044715f;
  static F32 twice_inner(F32 x, F32 x2) { return x * fma(F32(kCubic), x2, F32(kScale)); }
  static F32 forward(F32 x, F32) {
    return math::over_one_plus_exp(x, x * fma(F32(-kCubic), x * x, F32(-kScale)));
  }
  static F32 backward(F32 dy, F32 x, F32) {
    const F32 x2 = x * x;
    const F32 x_slope = x * fma(F32(3 * kCubic), x2, F32(kScale));
    return dy * gate_slope(math::logistic(twice_inner(x, x2)), x_slope);
  }
};
struct gelu_sigmoid {
  static F32 forward(F32 x, F32) { return math::over_one_plus_exp(x, F32(-1.702f) * x); }
  static F32 backward(F32 dy, F32 x, F32) {
    const F32 u = F32(1.702f) * x;
    return dy * gate_slope(math::logistic(u), u);
  }
};
struct silu {
  static F32 forward(F32 x, F32) { return math::times_sigmoid(x, x); }
  static F32 backward(F32 dy, F32 x, F32) { return dy * gate_slope(math::logistic(x), x); }
};
struct softplus {
  static F32 forward(F32 x, F32) {
    const F32 z = math::exp_negative(math::negate(xsimd::abs(x)));
    return positive_part(x) + math::log1p_unit(z);
  }
  static F32 backward(F32 dy, F32 x, F32) { return dy * math::sigmoid(x); }
};

}  // namespace tt::kernels::TT_ISA::functions
