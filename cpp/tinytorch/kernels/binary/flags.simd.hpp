// Comparison results as bytes: y[i] = 1 where the mask's lane is set, else 0, for W lanes.
#pragma once
#include "tinytorch/kernels/simd.hpp"

namespace tt::kernels::TT_ISA {

inline void store_flags(std::uint8_t* y, Mask mask) {
#if defined(__AVX512F__)
  const __m128i bytes = _mm_maskz_set1_epi8(static_cast<__mmask16>(mask.data), 1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(y), bytes);
#elif defined(__AVX2__)
  const __m256i lanes = _mm256_castps_si256(mask);
  const __m128i words =
      _mm_packs_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
  const __m128i bytes = _mm_and_si128(_mm_packs_epi16(words, words), _mm_set1_epi8(1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(y), bytes);
#elif defined(__aarch64__)
  const uint16x4_t words = vmovn_u32(mask);
  const uint8x8_t bytes = vand_u8(vmovn_u16(vcombine_u16(words, words)), vdup_n_u8(1));
  vst1_lane_u32(reinterpret_cast<std::uint32_t*>(y), vreinterpret_u32_u8(bytes), 0);
#else
  const __m128i lanes = _mm_castps_si128(mask);
  const __m128i words = _mm_packs_epi32(lanes, lanes);
  const __m128i bytes = _mm_and_si128(_mm_packs_epi16(words, words), _mm_set1_epi8(1));
  const std::int32_t four = _mm_cvtsi128_si32(bytes);
  __builtin_memcpy(y, &four, 4);
#endif
}

}  // namespace tt::kernels::TT_ISA
