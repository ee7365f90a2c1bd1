// The only file that includes xsimd. Gives kernel sources a vector type for the instruction set
// they are compiled for, partial loads and stores, and the small gaps between xsimd versions.
// Only *.simd.cpp files (and the headers made for them) include it; everything here is in the
// namespace of the ISA.
#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <xsimd/xsimd.hpp>

#if !defined(TT_ISA)
#error "simd.hpp is for *.simd.cpp files, which tt_simd_kernel compiles"
#endif

// Before a loop with a small constant count whose body must become straight-line code.
#if defined(__clang__)
#define TT_UNROLL _Pragma("clang loop unroll(full)")
#else
#define TT_UNROLL _Pragma("GCC unroll 32")
#endif

namespace tt::kernels::TT_ISA {

#if defined(TT_ISA_avx512) || defined(TT_ISA_avx512_vnni) || defined(TT_ISA_avx512_bf16) || \
    defined(TT_ISA_amx)
using Arch = xsimd::avx512bw;
#elif defined(TT_ISA_avx2) || defined(TT_ISA_avx_vnni)
using Arch = xsimd::fma3<xsimd::avx2>;
#elif defined(__aarch64__)
using Arch = xsimd::neon64;
#elif defined(__x86_64__)
using Arch = xsimd::sse2;
#else
#error "no baseline vector type for this architecture"
#endif

using F32 = xsimd::batch<float, Arch>;
using F64 = xsimd::batch<double, Arch>;
using I32 = xsimd::batch<std::int32_t, Arch>;
using Mask = xsimd::batch_bool<float, Arch>;
inline constexpr std::size_t W = F32::size;  // floats per vector

inline F32 load(const float* p) { return F32::load_unaligned(p); }
inline void store(float* p, F32 v) { v.store_unaligned(p); }

#if defined(__AVX512F__)
inline __mmask16 first_lanes(std::size_t n) { return static_cast<__mmask16>((1u << n) - 1u); }
#elif defined(__AVX2__)
inline __m256i first_lanes(std::size_t n) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lane);
}
#endif

// The first n < W elements; the rest read as `fill` and are not touched in memory.
inline F32 load_n(const float* p, std::size_t n, float fill = 0.0f) {
#if defined(__AVX512F__)
  return F32(_mm512_mask_loadu_ps(_mm512_set1_ps(fill), first_lanes(n), p));
#elif defined(__AVX2__)
  const __m256i mask = first_lanes(n);
  return F32(_mm256_blendv_ps(_mm256_set1_ps(fill), _mm256_maskload_ps(p, mask),
                              _mm256_castsi256_ps(mask)));
#else
  static_assert(W == 4);
  alignas(16) float buffer[4] = {fill, fill, fill, fill};
  if (n > 0) buffer[0] = p[0];
  if (n > 1) buffer[1] = p[1];
  if (n > 2) buffer[2] = p[2];
  return F32::load_aligned(buffer);
#endif
}
inline void store_n(float* p, std::size_t n, F32 v) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, first_lanes(n), v);
#elif defined(__AVX2__)
  _mm256_maskstore_ps(p, first_lanes(n), v);
#else
  alignas(16) float buffer[4];
  v.store_aligned(buffer);
  if (n > 0) p[0] = buffer[0];
  if (n > 1) p[1] = buffer[1];
  if (n > 2) p[2] = buffer[2];
#endif
}

// A store that passes by the caches; p is aligned to a vector. See streaming.hpp.
inline void stream(float* p, F32 v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(p, v);
#elif defined(__AVX2__)
  _mm256_stream_ps(p, v);
#elif defined(__aarch64__)
  store(p, v);
#else
  _mm_stream_ps(p, v);
#endif
}
template <bool Streamed>
inline void put(float* p, F32 v) {
  if constexpr (Streamed) {
    stream(p, v);
  } else {
    store(p, v);
  }
}
// The elements before p is aligned to a vector, at most n.
inline std::size_t until_aligned(const float* p, std::size_t n) {
  const std::size_t past = reinterpret_cast<std::uintptr_t>(p) / sizeof(float) % W;
  const std::size_t lead = past == 0 ? 0 : W - past;
  return lead < n ? lead : n;
}

// Hardware prefetchers stop at page borders; asking for data this far ahead, once per cache line,
// hides that. Addresses beyond the array are harmless.
inline constexpr std::size_t kLine = 16;     // floats per cache line
inline constexpr std::size_t kAhead = 1024;  // floats
inline void prefetch(const float* p) { __builtin_prefetch(p, 0, 3); }
// For a loop that stands at p and goes `vectors` vectors a step.
template <std::size_t vectors>
inline void prefetch_step(const float* p, std::size_t distance = kAhead) {
  static_assert(vectors * W % kLine == 0);
  TT_UNROLL for (std::size_t i = 0; i < vectors * W; i += kLine) prefetch(p + distance + i);
}

// Correctly rounded on every instruction set: for ARM, xsimd 8.1's operator / and sqrt are
// approximations by Newton steps. Do not use those.
inline F32 divide(F32 a, F32 b) {
#if defined(__aarch64__)
  return F32(vdivq_f32(a, b));
#else
  return a / b;
#endif
}
inline F32 square_root(F32 a) {
#if defined(__aarch64__)
  return F32(vsqrtq_f32(a));
#else
  return xsimd::sqrt(a);
#endif
}

// max(x, low) and min(x, high) for ordinary bounds; NaN stays NaN. Of two operands the x86
// instructions give the second if either is NaN; xsimd's order of operands changed in version 14.
inline F32 at_least(F32 x, F32 low) {
#if defined(__AVX512F__)
  return F32(_mm512_max_ps(low, x));
#elif defined(__AVX2__)
  return F32(_mm256_max_ps(low, x));
#elif defined(__aarch64__)
  return F32(vmaxq_f32(low, x));
#else
  return F32(_mm_max_ps(low, x));
#endif
}
// The same, but NaN becomes `low`.
inline F32 number_at_least(F32 x, F32 low) {
#if defined(__aarch64__)
  return F32(vmaxnmq_f32(x, low));
#else
  return at_least(low, x);
#endif
}
inline F32 at_most(F32 x, F32 high) {
#if defined(__AVX512F__)
  return F32(_mm512_min_ps(high, x));
#elif defined(__AVX2__)
  return F32(_mm256_min_ps(high, x));
#elif defined(__aarch64__)
  return F32(vminq_f32(high, x));
#else
  return F32(_mm_min_ps(high, x));
#endif
}

// a * b + c, fused where the instruction set has it (xsimd 8.1 does not for AVX-512).
inline F32 fma(F32 a, F32 b, F32 c) {
#if defined(__AVX512F__)
  return F32(_mm512_fmadd_ps(a, b, c));
#else
  return xsimd::fma(a, b, c);
#endif
}
inline F64 fma(F64 a, F64 b, F64 c) {
#if defined(__AVX512F__)
  return F64(_mm512_fmadd_pd(a, b, c));
#else
  return xsimd::fma(a, b, c);
#endif
}

// The same bits as another type. xsimd 9 changed the template argument from batch to element.
template <class Batch, class Element, class From>
inline Batch reinterpret(From v) {
  using Cast = decltype(xsimd::bitwise_cast<Element>(v));
  if constexpr (std::is_same_v<Cast, Batch>) {
    return xsimd::bitwise_cast<Element>(v);
  } else {
    return xsimd::bitwise_cast<Batch>(v);
  }
}
inline I32 as_int(F32 v) { return reinterpret<I32, std::int32_t>(v); }
inline F32 as_float(I32 v) { return reinterpret<F32, float>(v); }

inline F32 select(Mask condition, F32 yes, F32 no) { return xsimd::select(condition, yes, no); }
// Not v != v: xsimd 8.1 compares ordered there, and NaN would not differ from itself.
inline Mask is_nan(F32 v) { return xsimd::isnan(v); }
// Each half of the lanes as doubles, and back (rounded to nearest).
inline F64 widen_low(F32 v) {
#if defined(__AVX512F__)
  return F64(_mm512_cvtps_pd(_mm512_castps512_ps256(v)));
#elif defined(__AVX2__)
  return F64(_mm256_cvtps_pd(_mm256_castps256_ps128(v)));
#elif defined(__aarch64__)
  return F64(vcvt_f64_f32(vget_low_f32(v)));
#else
  return F64(_mm_cvtps_pd(v));
#endif
}
inline F64 widen_high(F32 v) {
#if defined(__AVX512F__)
  return F64(_mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1)));
#elif defined(__AVX2__)
  return F64(_mm256_cvtps_pd(_mm256_extractf128_ps(v, 1)));
#elif defined(__aarch64__)
  return F64(vcvt_high_f64_f32(v));
#else
  return F64(_mm_cvtps_pd(_mm_movehl_ps(v, v)));
#endif
}
inline F32 narrow(F64 low, F64 high) {
#if defined(__AVX512F__)
  return F32(
      _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low)), _mm512_cvtpd_ps(high), 1));
#elif defined(__AVX2__)
  return F32(
      _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(low)), _mm256_cvtpd_ps(high), 1));
#elif defined(__aarch64__)
  return F32(vcvt_high_f32_f64(vcvt_f32_f64(low), high));
#else
  return F32(_mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high)));
#endif
}

// Lane i of the result is lane i + half of v, for the lower `half` lanes.
template <std::size_t half>
inline F32 upper_half(F32 v) {
#if defined(__AVX512F__)
  if constexpr (half == 8) return F32(_mm512_shuffle_f32x4(v, v, 0x4e));
  if constexpr (half == 4) return F32(_mm512_shuffle_f32x4(v, v, 0xb1));
  if constexpr (half == 2) return F32(_mm512_permute_ps(v, 0x4e));
  if constexpr (half == 1) return F32(_mm512_permute_ps(v, 0xb1));
#elif defined(__AVX2__)
  if constexpr (half == 4) return F32(_mm256_permute2f128_ps(v, v, 1));
  if constexpr (half == 2) return F32(_mm256_permute_ps(v, 0x4e));
  if constexpr (half == 1) return F32(_mm256_permute_ps(v, 0xb1));
#elif defined(__aarch64__)
  if constexpr (half == 2) return F32(vextq_f32(v, v, 2));
  if constexpr (half == 1) return F32(vrev64q_f32(v));
#else
  if constexpr (half == 2) return F32(_mm_shuffle_ps(v, v, 0x4e));
  if constexpr (half == 1) return F32(_mm_shuffle_ps(v, v, 0xb1));
#endif
}

inline float first_lane(F32 v) {
#if defined(__AVX512F__)
  return _mm_cvtss_f32(_mm512_castps512_ps128(v));
#elif defined(__AVX2__)
  return _mm_cvtss_f32(_mm256_castps256_ps128(v));
#elif defined(__aarch64__)
  return vgetq_lane_f32(v, 0);
#else
  return _mm_cvtss_f32(v);
#endif
}

// Lanes joined in a fixed tree, so that the result does not depend on the xsimd version.
template <std::size_t half = W / 2, class Join>
inline float join_lanes(F32 v, Join join) {
  const F32 joined = join(v, upper_half<half>(v));
  if constexpr (half > 1) return join_lanes<half / 2>(joined, join);
  return first_lane(joined);
}
inline float sum_lanes(F32 v) {
  return join_lanes(v, [](F32 a, F32 b) { return a + b; });
}

}  // namespace tt::kernels::TT_ISA
