// In-register transpose of W vectors: lane j of vector i becomes lane i of vector j.
#pragma once
#include "tinytorch/kernels/simd.hpp"

namespace tt::kernels::TT_ISA {

#if defined(__AVX512F__)

inline void transpose(F32 (&v)[16]) {
  __m512 t[16];
  TT_UNROLL for (int i = 0; i < 16; i += 4) {  // 4 x 4 within each 128-bit lane
    const __m512 a = _mm512_unpacklo_ps(v[i], v[i + 1]), b = _mm512_unpackhi_ps(v[i], v[i + 1]);
    const __m512 c = _mm512_unpacklo_ps(v[i + 2], v[i + 3]);
    const __m512 d = _mm512_unpackhi_ps(v[i + 2], v[i + 3]);
    const auto low = [](__m512 x, __m512 y) {
      return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(x), _mm512_castps_pd(y)));
    };
    const auto high = [](__m512 x, __m512 y) {
      return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(x), _mm512_castps_pd(y)));
    };
    t[i] = low(a, c), t[i + 1] = high(a, c), t[i + 2] = low(b, d), t[i + 3] = high(b, d);
  }
  TT_UNROLL for (int i = 0; i < 4; ++i) {  // then the lanes themselves
    const __m512 a = _mm512_shuffle_f32x4(t[i], t[i + 4], 0x88);
    const __m512 b = _mm512_shuffle_f32x4(t[i], t[i + 4], 0xdd);
    const __m512 c = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0x88);
    const __m512 d = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0xdd);
    v[i] = F32(_mm512_shuffle_f32x4(a, c, 0x88));
    v[i + 4] = F32(_mm512_shuffle_f32x4(b, d, 0x88));
    v[i + 8] = F32(_mm512_shuffle_f32x4(a, c, 0xdd));
    v[i + 12] = F32(_mm512_shuffle_f32x4(b, d, 0xdd));
  }
}

#elif defined(__AVX2__)

inline void transpose(F32 (&v)[8]) {
  __m256 t[8];
  TT_UNROLL for (int i = 0; i < 8; i += 4) {
    const __m256 a = _mm256_unpacklo_ps(v[i], v[i + 1]), b = _mm256_unpackhi_ps(v[i], v[i + 1]);
    const __m256 c = _mm256_unpacklo_ps(v[i + 2], v[i + 3]);
    const __m256 d = _mm256_unpackhi_ps(v[i + 2], v[i + 3]);
    t[i] = _mm256_shuffle_ps(a, c, 0x44), t[i + 1] = _mm256_shuffle_ps(a, c, 0xee);
    t[i + 2] = _mm256_shuffle_ps(b, d, 0x44), t[i + 3] = _mm256_shuffle_ps(b, d, 0xee);
  }
  TT_UNROLL for (int i = 0; i < 4; ++i) {
    v[i] = F32(_mm256_permute2f128_ps(t[i], t[i + 4], 0x20));
    v[i + 4] = F32(_mm256_permute2f128_ps(t[i], t[i + 4], 0x31));
  }
}

#elif defined(__aarch64__)

inline void transpose(F32 (&v)[4]) {
  const auto wide = [](float32x4_t x) { return vreinterpretq_f64_f32(x); };
  const float32x4_t a = vtrn1q_f32(v[0], v[1]), b = vtrn2q_f32(v[0], v[1]);
  const float32x4_t c = vtrn1q_f32(v[2], v[3]), d = vtrn2q_f32(v[2], v[3]);
  v[0] = F32(vreinterpretq_f32_f64(vtrn1q_f64(wide(a), wide(c))));
  v[1] = F32(vreinterpretq_f32_f64(vtrn1q_f64(wide(b), wide(d))));
  v[2] = F32(vreinterpretq_f32_f64(vtrn2q_f64(wide(a), wide(c))));
  v[3] = F32(vreinterpretq_f32_f64(vtrn2q_f64(wide(b), wide(d))));
}

#else

inline void transpose(F32 (&v)[4]) {
  __m128 a = v[0], b = v[1], c = v[2], d = v[3];
  _MM_TRANSPOSE4_PS(a, b, c, d);
  v[0] = F32(a), v[1] = F32(b), v[2] = F32(c), v[3] = F32(d);
}

#endif

}  // namespace tt::kernels::TT_ISA
