// bfloat16 in memory, float vectors in registers, for *.simd.cpp files: loads widen, stores round
// to nearest even. The same names as for floats (row_map.hpp), so that a kernel is one template.
#pragma once
#include <cstdint>
#include <cstring>

#include "tinytorch/kernels/row_map.hpp"

namespace tt::kernels::TT_ISA {

// The upper half of the result is the code. NaN stays NaN.
inline I32 rounded_bits(F32 x) {
  const I32 u = as_int(x);
  const I32 up = u + I32(0x7fff) + ((u >> 16) & I32(1));
  return as_int(select(is_nan(x), as_float(u | I32(0x400000)), as_float(up)));
}

// A whole vector of codes.
inline F32 load(const std::uint16_t* p) {
#if defined(__AVX512F__)
  const __m256i codes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return F32(_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(codes), 16)));
#elif defined(__AVX2__)
  const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return F32(_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(codes), 16)));
#elif defined(__aarch64__)
  return F32(vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16)));
#else
  const __m128i codes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return F32(_mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), codes)));
#endif
}
inline void store(std::uint16_t* p, F32 v) {
#if defined(TT_ISA_avx512_bf16) || defined(TT_ISA_amx)
  // The hardware's conversion, which makes zero of subnormal numbers.
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), (__m256i)_mm512_cvtneps_pbh(v));
#else
  const I32 bits = rounded_bits(v);
#if defined(__AVX512F__)
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtepi32_epi16(_mm512_srli_epi32(bits, 16)));
#elif defined(__AVX2__)
  const __m256i codes = _mm256_srli_epi32(bits, 16), packed = _mm256_packus_epi32(codes, codes);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08)));
#elif defined(__aarch64__)
  vst1_u16(p, vshrn_n_u32(vreinterpretq_u32_s32(bits), 16));
#else
  const __m128i codes = _mm_srai_epi32(bits, 16);  // in the range that the packing keeps
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi32(codes, codes));
#endif
#endif
}

// The first `count` of a vector; the rest reads as zeros and is not touched.
inline F32 load_part(const std::uint16_t* p, std::size_t count) {
  if (count == W) return load(p);
  std::uint16_t codes[W] = {};
  std::memcpy(codes, p, count * sizeof *p);
  return load(codes);
}
inline void store_part(std::uint16_t* p, std::size_t count, F32 v) {
  if (count == W) return store(p, v);
  std::uint16_t codes[W];
  store(codes, v);
  std::memcpy(p, codes, count * sizeof *p);
}

}  // namespace tt::kernels::TT_ISA
