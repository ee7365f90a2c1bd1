// The scalar truth of every function of unary.def, one struct each, for any floating type T:
//   forward(x, a) = f(x; a)
//   backward(dy, s, a) = dy * f', where s is the saved input or output, as unary.def says.
// They are the engine's float64 path and what the vector kernels are tested against. A function of
// unary.def without a struct here does not compile.
#pragma once
#include <cmath>

namespace tt::kernels::scalar {

inline constexpr double kSqrtHalf = 0.70710678118654752440;       // 1 / sqrt(2)
inline constexpr double kInvSqrt2Pi = 0.39894228040143267794;     // 1 / sqrt(2 pi)
inline constexpr double kTwoOverSqrtPi = 1.12837916709551257390;  // 2 / sqrt(pi)
inline constexpr double kSqrt2OverPi = 0.79788456080286535588;    // sqrt(2 / pi)
inline constexpr double kGeluCubic = 0.044715;                    // Hendrycks & Gimpel 2016
inline constexpr double kGeluSigmoid = 1.702;

// 1 / (1 + exp(-x)) without overflow and without losing small values.
template <class T>
T logistic(T x) {
  const T z = std::exp(-std::abs(x));
  return x < 0 ? z / (1 + z) : 1 / (1 + z);
}
// x where the condition holds, NaN kept (a comparison with NaN is false).
template <class T>
T positive_part(T x) {
  return x > 0 ? x : (x <= 0 ? T(0) : x);
}

struct neg {
  template <class T>
  static T forward(T x, T) {
    return -x;
  }
  template <class T>
  static T backward(T dy, T, T) {
    return -dy;
  }
};
struct abs {
  template <class T>
  static T forward(T x, T) {
    return std::abs(x);
  }
  template <class T>
  static T backward(T dy, T x, T) {
    return x > 0 ? dy : (x < 0 ? -dy : (x == 0 ? T(0) : x));
  }
};
struct sign {
  template <class T>
  static T forward(T x, T) {
    return x > 0 ? T(1) : (x < 0 ? T(-1) : x);
  }
  template <class T>
  static T backward(T, T, T) {
    return T(0);
  }
};
struct square {
  template <class T>
  static T forward(T x, T) {
    return x * x;
  }
  template <class T>
  static T backward(T dy, T x, T) {
    return dy * (x + x);
  }
};
struct sqrt {
  template <class T>
  static T forward(T x, T) {
    return std::sqrt(x);
  }
  template <class T>
  static T backward(T dy, T y, T) {
    return dy / (y + y);
  }
};
struct rsqrt {
  template <class T>
  static T forward(T x, T) {
    return 1 / std::sqrt(x);
  }
  template <class T>
  static T backward(T dy, T y, T) {
    return dy * (T(-0.5) * y * (y * y));
  }
};
struct reciprocal {
  template <class T>
  static T forward(T x, T) {
    return 1 / x;
  }
  template <class T>
  static T backward(T dy, T y, T) {
    return -dy * (y * y);
  }
};
struct exp {
  template <class T>
  static T forward(T x, T) {
    return std::exp(x);
  }
  template <class T>
  static T backward(T dy, T y, T) {
    return dy * y;
  }
};
struct log {
  template <class T>
  static T forward(T x, T) {
    return std::log(x);
  }
  template <class T>
  static T backward(T dy, T x, T) {
    return dy / x;
  }
};
struct sin {
  template <class T>
  static T forward(T x, T) {
    return std::sin(x);
  }
  template <class T>
  static T backward(T dy, T x, T) {
    return dy * std::cos(x);
  }
};
struct cos {
  template <class T>
  static T forward(T x, T) {
    return std::cos(x);
  }
  template <class T>
  static T backward(T dy, T x, T) {
    return -dy * std::sin(x);
  }
};
struct tanh {
  template <class T>
  static T forward(T x, T) {
    return std::tanh(x);
  }
  template <class T>
  static T backward(T dy, T y, T) {
    return dy * ((1 - y) * (1 + y));
  }
};
struct erf {
  template <class T>
  static T forward(T x, T) {
    return std::erf(x);
  }
  template <class T>
  static T backward(T dy, T x, T) {
    return dy * (T(kTwoOverSqrtPi) * std::exp(-x * x));
  }
};
struct sigmoid {
  template <class T>
  static T forward(T x, T) {
    return logistic(x);
  }
  template <class T>
  static T backward(T dy, T y, T) {
    return dy * (y * (1 - y));
  }
};
struct relu {
  template <class T>
  static T forward(T x, T) {
    return positive_part(x);
  }
  template <class T>
  static T backward(T dy, T y, T) {
    return y > 0 ? dy : (y <= 0 ? T(0) : y);
  }
};
struct leaky_relu {
  template <class T>
  static T forward(T x, T a) {
    return x > 0 ? x : a * x;
  }
  template <class T>
  static T backward(T dy, T x, T a) {
    return x > 0 ? dy : a * dy;
  }
};
struct elu {
  template <class T>
  static T forward(T x, T a) {
    return x > 0 ? x : a * std::expm1(x);
  }
  template <class T>
  static T backward(T dy, T x, T a) {
    return x > 0 ? dy : dy * (a * std::exp(x));
  }
};
struct gelu {
  // Phi(x), with all digits in the lower tail.
  template <class T>
  static T phi(T x) {
    return T(0.5) * std::erfc(-x * T(kSqrtHalf));
  }
  template <class T>
  static T forward(T x, T) {
    return std::isinf(x) ? positive_part(x) : x * phi(x);
  }
  template <class T>
  static T backward(T dy, T x, T) {
    const T density = T(kInvSqrt2Pi) * std::exp(x * x * T(-0.5));
    return dy * (std::isinf(x) ? T(x > 0) : phi(x) + x * density);
  }
};
struct gelu_tanh {
  // 0.5 (1 + tanh u) = logistic(2 u) keeps the digits of the lower tail.
  template <class T>
  static T twice_inner(T x) {
    return T(2 * kSqrt2OverPi) * (x * (1 + T(kGeluCubic) * (x * x)));
  }
  template <class T>
  static T forward(T x, T) {
    return std::isinf(x) ? positive_part(x) : x * logistic(twice_inner(x));
  }
  template <class T>
  static T backward(T dy, T x, T) {
    const T s = logistic(twice_inner(x));
    const T slope = T(2 * kSqrt2OverPi) * (1 + T(3 * kGeluCubic) * (x * x));
    const T curve = s * (1 - s);  // 0 in both tails, where x * slope may be infinite
    return dy * (curve == 0 ? s : s + curve * (x * slope));
  }
};
struct gelu_sigmoid {
  template <class T>
  static T forward(T x, T) {
    return std::isinf(x) ? positive_part(x) : x * logistic(T(kGeluSigmoid) * x);
  }
  template <class T>
  static T backward(T dy, T x, T) {
    const T u = T(kGeluSigmoid) * x;
    const T s = logistic(u);
    const T curve = s * (1 - s);
    return dy * (curve == 0 ? s : s + curve * u);
  }
};
struct silu {
  template <class T>
  static T forward(T x, T) {
    return std::isinf(x) ? positive_part(x) : x * logistic(x);
  }
  template <class T>
  static T backward(T dy, T x, T) {
    const T s = logistic(x);
    const T curve = s * (1 - s);
    return dy * (curve == 0 ? s : s + curve * x);
  }
};
struct softplus {
  template <class T>
  static T forward(T x, T) {
    return positive_part(x) + std::log1p(std::exp(-std::abs(x)));
  }
  template <class T>
  static T backward(T dy, T x, T) {
    return dy * logistic(x);
  }
};

}  // namespace tt::kernels::scalar
