// A vector of codes to and from memory, in the form of Dot::Code. `u` are W integers in [0, 255].
#pragma once
#include "tinytorch/kernels/gemm_s8/dot.simd.hpp"
#include "tinytorch/kernels/simd.hpp"

namespace tt::kernels::TT_ISA {

using Code = Dot::Code;
inline constexpr int kCodeZero = 128 - Dot::kZero;  // u - code

inline void put_code(Code* p, std::int32_t u) { *p = static_cast<Code>(u - kCodeZero); }

inline void put_codes(Code* p, I32 u) {
  const I32 code = u - I32(kCodeZero);
#if defined(__AVX512F__)
  if constexpr (sizeof(Code) == 2) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(code));
  } else {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(code));
  }
#elif defined(__AVX2__)
  const __m256i pairs = _mm256_permute4x64_epi64(_mm256_packs_epi32(code, code), 0x08);
  const __m128i words = _mm256_castsi256_si128(pairs);
  if constexpr (sizeof(Code) == 2) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), words);
  } else {
    static_assert(sizeof(Code) == 2 || Dot::kZero == 128);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(words, words));
  }
#else
  alignas(16) std::int32_t lane[W];
  code.store_aligned(lane);
  for (std::size_t i = 0; i < W; ++i) p[i] = static_cast<Code>(lane[i]);
#endif
}

inline I32 get_codes(const Code* p) {
  I32 code;
#if defined(__AVX512F__)
  if constexpr (sizeof(Code) == 2) {
    code = I32(_mm512_cvtepi16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))));
  } else {
    code = I32(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  }
#elif defined(__AVX2__)
  const auto* at = reinterpret_cast<const __m128i*>(p);
  if constexpr (sizeof(Code) == 2) {
    code = I32(_mm256_cvtepi16_epi32(_mm_loadu_si128(at)));
  } else {
    code = I32(_mm256_cvtepu8_epi32(_mm_loadl_epi64(at)));
  }
#else
  alignas(16) std::int32_t lane[W];
  for (std::size_t i = 0; i < W; ++i) lane[i] = static_cast<std::int32_t>(p[i]);
  code = I32::load_aligned(lane);
#endif
  return code + I32(kCodeZero);
}

// round(clamp(v, low, high)) as integers; adding 1.5 * 2^23 rounds and leaves them in the low bits.
inline I32 rounded(F32 v, F32 low, F32 high) {
  constexpr float kMagic = 12582912.0f;
  const F32 clamped = at_most(number_at_least(v, low), high);
  return as_int(clamped + F32(kMagic)) - as_int(F32(kMagic));
}

// put_codes(p, rounded(v, low, high)) in fewer instructions where there are such.
inline void put_rounded(Code* p, F32 v, F32 low, F32 high) {
#if defined(__AVX512F__)
  if constexpr (Dot::kZero == 128) {
    const __m512i u = _mm512_cvtps_epi32(at_most(number_at_least(v, low), high));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(u));
    return;
  }
#endif
  put_codes(p, rounded(v, low, high));
}

}  // namespace tt::kernels::TT_ISA
