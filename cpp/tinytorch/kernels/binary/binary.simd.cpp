#include "tinytorch/kernels/binary/binary.hpp"

#include <math.h>

#include "tinytorch/kernels/vector_math.hpp"

namespace tt::kernels::TT_ISA {
namespace {

namespace functions {
struct add {
  static F32 of(F32 a, F32 b) { return a + b; }
};
struct sub {
  static F32 of(F32 a, F32 b) { return a - b; }
};
struct mul {
  static F32 of(F32 a, F32 b) { return a * b; }
};
struct div {
  static F32 of(F32 a, F32 b) { return a / b; }
};
struct maximum {
  static F32 of(F32 a, F32 b) {
    return select(is_nan(a) | is_nan(b), a + b, select(a > b, a, b));
  }
};
struct minimum {
  static F32 of(F32 a, F32 b) {
    return select(is_nan(a) | is_nan(b), a + b, select(a < b, a, b));
  }
};
struct pow {
  static F32 of(F32 a, F32 b) {
    alignas(64) float x[W], y[W];
    a.store_aligned(x);
    b.store_aligned(y);
    for (std::size_t i = 0; i < W; ++i) x[i] = ::powf(x[i], y[i]);
    return F32::load_aligned(x);
  }
};
struct eq {
  static Mask of(F32 a, F32 b) { return a == b; }
};
struct ne {
  static Mask of(F32 a, F32 b) { return a != b; }
};
struct lt {
  static Mask of(F32 a, F32 b) { return a < b; }
};
struct le {
  static Mask of(F32 a, F32 b) { return a <= b; }
};
struct gt {
  static Mask of(F32 a, F32 b) { return a > b; }
};
struct ge {
  static Mask of(F32 a, F32 b) { return a >= b; }
};
}  // namespace functions

template <class F>
void arithmetic(const float* a, std::size_t sa, const float* b, std::size_t sb, float* y,
                std::size_t n) {
  if (n == 0) return;
  const F32 a0(*a), b0(*b);
  std::size_t i = 0;
  if (sa != 0 && sb != 0) {
    for (; i + W <= n; i += W) store(y + i, F::of(load(a + i), load(b + i)));
  } else if (sa != 0) {
    for (; i + W <= n; i += W) store(y + i, F::of(load(a + i), b0));
  } else if (sb != 0) {
    for (; i + W <= n; i += W) store(y + i, F::of(a0, load(b + i)));
  } else {
    const F32 value = F::of(a0, b0);
    for (; i + W <= n; i += W) store(y + i, value);
  }
  if (i < n) {
    const F32 ta = sa != 0 ? load_n(a + i, n - i) : a0;
    const F32 tb = sb != 0 ? load_n(b + i, n - i) : b0;
    store_n(y + i, n - i, F::of(ta, tb));
  }
}

inline void store_flags(std::uint8_t* y, std::size_t n, Mask m) {
  alignas(64) float flag[W];
  select(m, F32(1.0f), F32(0.0f)).store_aligned(flag);
  for (std::size_t i = 0; i < n; ++i) y[i] = static_cast<std::uint8_t>(flag[i]);
}

template <class F>
void compare(const float* a, std::size_t sa, const float* b, std::size_t sb, std::uint8_t* y,
             std::size_t n) {
  if (n == 0) return;
  const F32 a0(*a), b0(*b);
  std::size_t i = 0;
  for (; i + W <= n; i += W) {
    store_flags(y + i, W, F::of(sa != 0 ? load(a + i) : a0, sb != 0 ? load(b + i) : b0));
  }
  if (i < n) {
    const F32 ta = sa != 0 ? load_n(a + i, n - i) : a0;
    const F32 tb = sb != 0 ? load_n(b + i, n - i) : b0;
    store_flags(y + i, n - i, F::of(ta, tb));
  }
}

}  // namespace

void fill_binary(BinaryTable& table) {
#define TT_BINARY(name, doc) \
  table.arithmetic[static_cast<int>(Binary::name)] = &arithmetic<functions::name>;
#define TT_COMPARE(name, doc) \
  table.compare[static_cast<int>(Compare::name)] = &compare<functions::name>;
#include "tinytorch/kernels/binary/binary.def"
#undef TT_BINARY
#undef TT_COMPARE
}

}  // namespace tt::kernels::TT_ISA
