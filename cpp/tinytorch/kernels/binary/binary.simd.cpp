#include "tinytorch/kernels/binary/binary.hpp"

#include "tinytorch/kernels/binary/flags.simd.hpp"
#include "tinytorch/kernels/binary/pow.simd.hpp"
#include "tinytorch/kernels/row_map.hpp"

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
  static F32 of(F32 a, F32 b) { return divide(a, b); }
};
struct maximum {
  static F32 of(F32 a, F32 b) { return select(is_nan(a) | is_nan(b), a + b, select(a > b, a, b)); }
};
struct minimum {
  static F32 of(F32 a, F32 b) { return select(is_nan(a) | is_nan(b), a + b, select(a < b, a, b)); }
};
struct pow {
  static F32 of(F32 a, F32 b) { return math::pow(a, b); }
};
struct eq {
  static Mask of(F32 a, F32 b) { return a == b; }
};
struct ne {
  static Mask of(F32 a, F32 b) { return !(a == b); }  // true for NaN
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

inline F32 operand(const float* p, std::size_t step, F32 first, std::size_t i, std::size_t count) {
  if (step == 0) return first;
  return load_part(p + i, count);
}

// SA and SB are the steps as constants, so that the loop has no branch.
template <class F, bool Streamed, std::size_t SA, std::size_t SB>
inline void run(const float* a, const float* b, float* y, std::size_t n) {
  const F32 a0(*a), b0(*b);
  const auto value = [=](std::size_t i, std::size_t count) {
    return F::of(operand(a, SA, a0, i, count), operand(b, SB, b0, i, count));
  };
  row_map<Streamed>(y, n, value, [=](std::size_t i) {
    if constexpr (SA != 0) prefetch(a + i);
    if constexpr (SB != 0) prefetch(b + i);
  });
}

template <class F, bool Streamed>
void arithmetic(const float* a, std::size_t sa, const float* b, std::size_t sb, float* y,
                std::size_t n) {
  if (n == 0) return;
  if (sa != 0 && sb != 0) return run<F, Streamed, 1, 1>(a, b, y, n);
  if (sa != 0) return run<F, Streamed, 1, 0>(a, b, y, n);
  if (sb != 0) return run<F, Streamed, 0, 1>(a, b, y, n);
  run<F, Streamed, 0, 0>(a, b, y, n);
}

template <class F>
void compare(const float* a, std::size_t sa, const float* b, std::size_t sb, std::uint8_t* y,
             std::size_t n) {
  if (n == 0) return;
  const F32 a0(*a), b0(*b);
  std::size_t i = 0;
  if (sa != 0 && sb != 0) {
    for (; i + W <= n; i += W) store_flags(y + i, F::of(load(a + i), load(b + i)));
  } else {
    for (; i + W <= n; i += W) {
      store_flags(y + i, F::of(sa != 0 ? load(a + i) : a0, sb != 0 ? load(b + i) : b0));
    }
  }
  if (i < n) {
    const F32 ta = sa != 0 ? load_n(a + i, n - i) : a0;
    const F32 tb = sb != 0 ? load_n(b + i, n - i) : b0;
    std::uint8_t flag[W];
    store_flags(flag, F::of(ta, tb));
    for (std::size_t j = 0; i + j < n; ++j) y[i + j] = flag[j];
  }
}

}  // namespace

void fill_binary(BinaryTable& table) {
#define TT_BINARY(name, doc)                                                              \
  table.arithmetic[static_cast<int>(Binary::name)] = &arithmetic<functions::name, false>; \
  table.arithmetic_streamed[static_cast<int>(Binary::name)] = &arithmetic<functions::name, true>;
#define TT_COMPARE(name, doc) \
  table.compare[static_cast<int>(Compare::name)] = &compare<functions::name>;
#include "tinytorch/kernels/binary/binary.def"
#undef TT_BINARY
#undef TT_COMPARE
}

}  // namespace tt::kernels::TT_ISA
