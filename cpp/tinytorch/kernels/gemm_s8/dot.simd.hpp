// One struct `Dot` per instruction set: how a few rows of encoded activations meet a few columns of
// packed int8 weights. Intrinsics, because xsimd has no word for these products.
//   Code          encoded activation     kZero   its code for 0
//   kStep         k per dot product      kVectors  vectors of W columns per panel    kRows  rows
//   broadcast(p)  kStep codes of one row, repeated for every column
//   load(p)       kStep weights of each of W columns
//   dot(acc, a, b)  acc[column] += sum over kStep of a b
// The rest is as panels.simd.hpp wants it.
#pragma once
#include "tinytorch/kernels/simd.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#else
#include <arm_neon.h>
#endif

namespace tt::kernels::TT_ISA {

// GCC's name for a 4-byte (2-byte) value of any type, so that codes can be read in groups.
template <class T>
inline T read_as(const void* p) {
  T value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}

struct ExactDot {
  using Weight = std::int8_t;
  using Acc = I32::register_type;
  static constexpr bool kExact = true;
#if defined(__x86_64__)
  static constexpr int kSpan = 2;
#else
  static constexpr int kSpan = 1;
#endif
  static Acc zero() { return I32(0); }
  static Acc add(Acc a, Acc b) { return I32(a) + I32(b); }
};

// acc += dot products of unsigned a and signed b. Spelled out for GCC, which (12) copies and spills
// the accumulators of its own intrinsic around every use.
#if defined(__GNUC__) && !defined(__clang__)
#define TT_DPBUSD(prefix, acc, a, b, intrinsic) \
  __asm__(prefix "vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b))
#else
#define TT_DPBUSD(prefix, acc, a, b, intrinsic) acc = intrinsic(acc, a, b)
#endif

#if defined(TT_ISA_avx512_vnni) || defined(TT_ISA_avx512_bf16) || defined(TT_ISA_amx)

struct Dot : ExactDot {
  using Code = std::uint8_t;
#if defined(TT_ISA_amx)  // for few rows: the panels are those of the tiles
  static constexpr int kZero = 128, kStep = 4, kVectors = 2, kRows = 8;
#else
  static constexpr int kZero = 128, kStep = 4, kVectors = 4, kRows = 6;
#endif
  using Rhs = __m512i;
  static __m512i broadcast(const Code* p) { return _mm512_set1_epi32(read_as<int>(p)); }
  static Rhs load(const std::int8_t* p) { return _mm512_loadu_si512(p); }
  static Acc dot(Acc acc, __m512i a, Rhs b) {
    TT_DPBUSD("", acc, a, b, _mm512_dpbusd_epi32);
    return acc;
  }
#if defined(TT_ISA_amx)
  static constexpr std::int64_t kTilesFrom = 8;
  static void upper_left() { _tile_dpbusd(0, 4, 6); }
  static void upper_right() { _tile_dpbusd(1, 4, 7); }
  static void lower_left() { _tile_dpbusd(2, 5, 6); }
  static void lower_right() { _tile_dpbusd(3, 5, 7); }
#endif
};

#elif defined(TT_ISA_avx512)

struct Dot : ExactDot {
  using Code = std::int16_t;
  static constexpr int kZero = 0, kStep = 2, kVectors = 4, kRows = 6;
  using Rhs = __m512i;
  static __m512i broadcast(const Code* p) { return _mm512_set1_epi32(read_as<int>(p)); }
  static Rhs load(const std::int8_t* p) {
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static Acc dot(Acc acc, __m512i a, Rhs b) {
    return _mm512_add_epi32(acc, _mm512_madd_epi16(a, b));
  }
};

#elif defined(TT_ISA_avx_vnni)

struct Dot : ExactDot {
  using Code = std::uint8_t;
  static constexpr int kZero = 128, kStep = 4, kVectors = 2, kRows = 6;
  using Rhs = __m256i;
  static __m256i broadcast(const Code* p) { return _mm256_set1_epi32(read_as<int>(p)); }
  static Rhs load(const std::int8_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  static Acc dot(Acc acc, __m256i a, Rhs b) {
    TT_DPBUSD("%{vex%} ", acc, a, b, _mm256_dpbusd_avx_epi32);
    return acc;
  }
};

#elif defined(TT_ISA_avx2)

// Pairs of 16-bit products: as many instructions per product as maddubs with its sign repair, but
// nothing can saturate.
struct Dot : ExactDot {
  using Code = std::int16_t;
  static constexpr int kZero = 0, kStep = 2, kVectors = 2, kRows = 4;
  using Rhs = __m256i;
  static __m256i broadcast(const Code* p) { return _mm256_set1_epi32(read_as<int>(p)); }
  static Rhs load(const std::int8_t* p) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static Acc dot(Acc acc, __m256i a, Rhs b) {
    return _mm256_add_epi32(acc, _mm256_madd_epi16(a, b));
  }
};

#elif defined(__x86_64__)

struct Dot : ExactDot {
  using Code = std::int16_t;
  static constexpr int kZero = 0, kStep = 2, kVectors = 2, kRows = 4;
  using Rhs = __m128i;
  static __m128i broadcast(const Code* p) { return _mm_set1_epi32(read_as<int>(p)); }
  static Rhs load(const std::int8_t* p) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    return _mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
  }
  static Acc dot(Acc acc, __m128i a, Rhs b) { return _mm_add_epi32(acc, _mm_madd_epi16(a, b)); }
};

#elif defined(TT_ISA_neon_dot)

struct Dot : ExactDot {
  using Code = std::int8_t;
  static constexpr int kZero = 0, kStep = 4, kVectors = 4, kRows = 4;
  using Rhs = int8x16_t;
  static int8x16_t broadcast(const Code* p) {
    return vreinterpretq_s8_s32(vdupq_n_s32(read_as<int>(p)));
  }
  static Rhs load(const std::int8_t* p) { return vld1q_s8(p); }
  static Acc dot(Acc acc, int8x16_t a, Rhs b) { return vdotq_s32(acc, a, b); }
};

#else

struct Dot : ExactDot {
  using Code = std::int16_t;
  static constexpr int kZero = 0, kStep = 1, kVectors = 4, kRows = 4;
  using Rhs = int16x4_t;
  static int16x4_t broadcast(const Code* p) { return vdup_n_s16(*p); }
  static Rhs load(const std::int8_t* p) {
    const int four = read_as<int>(p);
    return vget_low_s16(vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four))));
  }
  static Acc dot(Acc acc, int16x4_t a, Rhs b) { return vmlal_s16(acc, a, b); }
};

#endif

#undef TT_DPBUSD
// A sum of codes from kZero on, as it would be of codes from 0 on. On the way it may wrap around,
// as the vectors' sums do; the result does not.
inline std::int32_t from_zero(std::int32_t sum, std::int32_t column_sum) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(sum) -
                                   static_cast<std::uint32_t>(Dot::kZero) *
                                       static_cast<std::uint32_t>(column_sum));
}

}  // namespace tt::kernels::TT_ISA
