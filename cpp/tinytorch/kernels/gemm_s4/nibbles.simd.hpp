// How 4-bit weights meet int8 activations, per instruction set. Of a group of 32 values and W
// columns Nibbles::Sums collects the exact integer sums:
//   load(p)                 the four vectors of a packed group
//   dot(codes, offset)      sums over the group; `offset` is -8 times the sum of the codes
#pragma once
#include "tinytorch/kernels/simd.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#else
#include <arm_neon.h>
#endif

namespace tt::kernels::TT_ISA {

inline int four_codes(const std::int8_t* p) {
  int four;
  __builtin_memcpy(&four, p, sizeof four);
  return four;
}

#if defined(__AVX512F__)

struct NibbleCodes {
  __m512i low[4], high[4];
  void load(const std::byte* p) {
    const __m512i mask = _mm512_set1_epi8(15);
    TT_UNROLL for (int q = 0; q < 4; ++q) {
      const __m512i both = _mm512_loadu_si512(p + q * 64);
      low[q] = _mm512_and_si512(both, mask);
      high[q] = _mm512_and_si512(_mm512_srli_epi16(both, 4), mask);
    }
  }
};

#endif

#if defined(TT_ISA_avx512_vnni)

struct Nibbles : NibbleCodes {
  // Codes + 8 are the unsigned side, activations the signed one. Two chains hide the latency.
  I32 dot(const std::int8_t* codes, std::int32_t offset) const {
    __m512i a = _mm512_set1_epi32(offset), b = _mm512_setzero_si512();
    TT_UNROLL for (int q = 0; q < 4; ++q) {
      const __m512i x = _mm512_set1_epi32(four_codes(codes + 4 * q));
      const __m512i z = _mm512_set1_epi32(four_codes(codes + 16 + 4 * q));
#if defined(__GNUC__) && !defined(__clang__)  // GCC 12 copies the sums around its own intrinsic
      __asm__("vpdpbusd %2, %1, %0" : "+v"(a) : "v"(low[q]), "v"(x));
      __asm__("vpdpbusd %2, %1, %0" : "+v"(b) : "v"(high[q]), "v"(z));
#else
      a = _mm512_dpbusd_epi32(a, low[q], x);
      b = _mm512_dpbusd_epi32(b, high[q], z);
#endif
    }
    return I32(_mm512_add_epi32(a, b));
  }
};

#elif defined(TT_ISA_avx512)

struct Nibbles : NibbleCodes {
  // A pair of products is at most 2 * 15 * 127, eight of them fit 16 bits.
  I32 dot(const std::int8_t* codes, std::int32_t offset) const {
    __m512i sum = _mm512_setzero_si512();
    TT_UNROLL for (int q = 0; q < 4; ++q) {
      const __m512i x = _mm512_set1_epi32(four_codes(codes + 4 * q));
      const __m512i z = _mm512_set1_epi32(four_codes(codes + 16 + 4 * q));
      sum = _mm512_add_epi16(sum, _mm512_maddubs_epi16(low[q], x));
      sum = _mm512_add_epi16(sum, _mm512_maddubs_epi16(high[q], z));
    }
    const __m512i whole = _mm512_madd_epi16(sum, _mm512_set1_epi16(1));
    return I32(_mm512_add_epi32(whole, _mm512_set1_epi32(offset)));
  }
};

#elif defined(TT_ISA_avx2)

struct Nibbles {
  __m256i low[4], high[4];
  void load(const std::byte* p) {
    const __m256i mask = _mm256_set1_epi8(15);
    TT_UNROLL for (int q = 0; q < 4; ++q) {
      const __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + q * 32));
      low[q] = _mm256_and_si256(both, mask);
      high[q] = _mm256_and_si256(_mm256_srli_epi16(both, 4), mask);
    }
  }
  // A pair of products is at most 2 * 15 * 127, eight of them fit 16 bits.
  I32 dot(const std::int8_t* codes, std::int32_t offset) const {
    __m256i sum = _mm256_setzero_si256();
    TT_UNROLL for (int q = 0; q < 4; ++q) {
      const __m256i x = _mm256_set1_epi32(four_codes(codes + 4 * q));
      const __m256i z = _mm256_set1_epi32(four_codes(codes + 16 + 4 * q));
      sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(low[q], x));
      sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(high[q], z));
    }
    const __m256i whole = _mm256_madd_epi16(sum, _mm256_set1_epi16(1));
    return I32(_mm256_add_epi32(whole, _mm256_set1_epi32(offset)));
  }
};

#elif defined(__x86_64__)

struct Nibbles {
  __m128i both[4];
  void load(const std::byte* p) {
    TT_UNROLL for (int q = 0; q < 4; ++q) {
      both[q] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + q * 16));
    }
  }
  // Pairs of 16-bit products; SSE2 has none of bytes. Of each four codes, even and odd ones apart.
  static __m128i four_products(__m128i nibbles, const std::int8_t* codes) {
    const __m128i bytes = _mm_set1_epi32(four_codes(codes));
    const __m128i even = _mm_srai_epi16(_mm_slli_epi16(bytes, 8), 8),
                  odd = _mm_srai_epi16(bytes, 8);
    const __m128i weights = _mm_and_si128(nibbles, _mm_set1_epi16(15));
    const __m128i others = _mm_and_si128(_mm_srli_epi16(nibbles, 8), _mm_set1_epi16(15));
    return _mm_add_epi32(_mm_madd_epi16(weights, even), _mm_madd_epi16(others, odd));
  }
  I32 dot(const std::int8_t* codes, std::int32_t offset) const {
    __m128i sum = _mm_set1_epi32(offset);
    TT_UNROLL for (int q = 0; q < 4; ++q) {
      sum = _mm_add_epi32(sum, four_products(both[q], codes + 4 * q));
      sum = _mm_add_epi32(sum, four_products(_mm_srli_epi16(both[q], 4), codes + 16 + 4 * q));
    }
    return I32(sum);
  }
};

#else

struct Nibbles {
  int8x16_t low[4], high[4];
  void load(const std::byte* p) {
    TT_UNROLL for (int q = 0; q < 4; ++q) {
      const uint8x16_t both = vld1q_u8(reinterpret_cast<const std::uint8_t*>(p + q * 16));
      low[q] = vreinterpretq_s8_u8(vandq_u8(both, vdupq_n_u8(15)));
      high[q] = vreinterpretq_s8_u8(vshrq_n_u8(both, 4));
    }
  }
  static int32x4_t four_products(int32x4_t sum, int8x16_t weights, const std::int8_t* codes) {
    const int8x16_t x = vreinterpretq_s8_s32(vdupq_n_s32(four_codes(codes)));
#if defined(__ARM_FEATURE_DOTPROD)
    return vdotq_s32(sum, weights, x);
#else
    const int16x8_t first = vmull_s8(vget_low_s8(weights), vget_low_s8(x));
    const int16x8_t second = vmull_s8(vget_high_s8(weights), vget_high_s8(x));
    return vaddq_s32(sum, vpaddq_s32(vpaddlq_s16(first), vpaddlq_s16(second)));
#endif
  }
  I32 dot(const std::int8_t* codes, std::int32_t offset) const {
    int32x4_t a = vdupq_n_s32(offset), b = vdupq_n_s32(0);
    TT_UNROLL for (int q = 0; q < 4; ++q) {
      a = four_products(a, low[q], codes + 4 * q);
      b = four_products(b, high[q], codes + 16 + 4 * q);
    }
    return I32(vaddq_s32(a, b));
  }
};

#endif

}  // namespace tt::kernels::TT_ISA
