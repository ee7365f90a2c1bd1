// How a few rows of encoded activations meet a few columns of packed bfloat16 weights, per
// instruction set; the form is that of panels.simd.hpp.
#pragma once
#include "tinytorch/kernels/simd.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tt::kernels::TT_ISA {

#if defined(TT_ISA_avx512_bf16) || defined(TT_ISA_amx)

struct DotBf16 {
  using Code = std::uint16_t;
  using Weight = std::uint16_t;
  using Acc = __m512;
  using Rhs = __m512i;
  static constexpr bool kExact = false;
  static constexpr int kStep = 2, kSpan = 1;
  static Acc zero() { return _mm512_setzero_ps(); }
#if defined(TT_ISA_amx)  // tiles for any number of rows: their sums have an order of their own
  static constexpr int kVectors = 2, kRows = 8;
  static constexpr std::int64_t kTilesFrom = 0;
  static void upper_left() { _tile_dpbf16ps(0, 4, 6); }
  static void upper_right() { _tile_dpbf16ps(1, 4, 7); }
  static void lower_left() { _tile_dpbf16ps(2, 5, 6); }
  static void lower_right() { _tile_dpbf16ps(3, 5, 7); }
#else
  static constexpr int kVectors = 4, kRows = 6;
#endif
  static __m512i broadcast(const Code* p) {
    int two;
    __builtin_memcpy(&two, p, sizeof two);
    return _mm512_set1_epi32(two);
  }
  static Rhs load(const Weight* p) { return _mm512_loadu_si512(p); }
  static Acc dot(Acc acc, __m512i a, Rhs b) {
#if defined(__GNUC__) && !defined(__clang__)
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));
    return acc;
#else
    return _mm512_dpbf16_ps(acc, (__m512bh)a, (__m512bh)b);
#endif
  }
};

#else

// Without such an instruction, each pair is two multiply-adds of floats, which bfloat16 values
// become by a shift: the second of a pair needs only its neighbour cleared.
struct DotBf16 {
  using Code = float;
  using Weight = std::uint16_t;
  using Acc = F32::register_type;
  struct Pair {
    F32::register_type first, second;
  };
  using Rhs = Pair;
  static constexpr bool kExact = false;
  static constexpr int kStep = 2, kSpan = 1;
#if defined(TT_ISA_avx512)
  static constexpr int kVectors = 2, kRows = 10;  // 20 + 4 + 2 of 32 registers
#elif defined(__aarch64__)
  static constexpr int kVectors = 2, kRows = 8;
#else
  static constexpr int kVectors = 2, kRows = 4;  // 8 + 4 + 2 of 16
#endif
  static Acc zero() { return F32(0.0f); }
  static Pair broadcast(const Code* p) { return {F32(p[0]), F32(p[1])}; }
  static Rhs load(const Weight* p) {
    const I32 two = I32::load_unaligned(reinterpret_cast<const std::int32_t*>(p));
    return {as_float(two << 16), as_float(two & I32(static_cast<std::int32_t>(0xffff0000u)))};
  }
  static Acc dot(Acc acc, const Pair& a, const Rhs& b) {
    return fma(F32(a.second), F32(b.second), fma(F32(a.first), F32(b.first), F32(acc)));
  }
};

#endif

}  // namespace tt::kernels::TT_ISA
