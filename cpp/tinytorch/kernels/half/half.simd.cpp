// Compiled once per instruction set. See half.hpp for what the functions compute.
#include "tinytorch/kernels/half/half.hpp"

#include "tinytorch/kernels/bf16_lanes.simd.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tt::kernels::TT_ISA {
namespace {

inline float widen_one(std::uint16_t h) {
  const std::uint32_t sign = (h & 0x8000u) << 16;
  std::uint32_t bits = (h & 0x7fffu) << 13;
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  value *= 0x1p112f;  // the difference of the exponents' offsets; subnormal numbers come right, too
  __builtin_memcpy(&bits, &value, sizeof bits);
  if ((h & 0x7c00u) == 0x7c00u) bits |= 0x7f800000u;
  bits |= sign;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

inline std::uint16_t narrow_one(float value) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  const std::uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {  // NaN: quiet, with its leading bits, as the hardware does
    return static_cast<std::uint16_t>(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
  }
  if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // 65520 up
  if (magnitude < 0x38800000u) {  // below 2^-14: adding 0.5 rounds to multiples of 2^-24
    float shifted;
    __builtin_memcpy(&shifted, &magnitude, sizeof shifted);
    shifted += 0.5f;
    __builtin_memcpy(&bits, &shifted, sizeof bits);
    return static_cast<std::uint16_t>(sign | (bits - 0x3f000000u));
  }
  const std::uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u) - 0x38000000u;
  return static_cast<std::uint16_t>(sign | rounded >> 13);
}

void widen(const std::uint16_t* x, float* y, std::size_t n) {
  std::size_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= n; i += 16) {
    store(y + i, F32(_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i)))));
  }
#elif defined(__F16C__)
  for (; i + 8 <= n; i += 8) {
    store(y + i, F32(_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i)))));
  }
#endif
  for (; i < n; ++i) y[i] = widen_one(x[i]);
}

void narrow(const float* x, std::uint16_t* y, std::size_t n) {
  std::size_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= n; i += 16) {
    _mm256_storeu_si256(
        reinterpret_cast<__m256i*>(y + i),
        _mm512_cvtps_ph(load(x + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
#elif defined(__F16C__)
  for (; i + 8 <= n; i += 8) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(y + i),
                     _mm256_cvtps_ph(load(x + i), _MM_FROUND_TO_NEAREST_INT));
  }
#endif
  for (; i < n; ++i) y[i] = narrow_one(x[i]);
}

template <class From, class To>
void convert_lanes(const From* x, To* y, std::size_t n) {
  std::size_t i = 0;
  for (; i + W <= n; i += W) store(y + i, load(x + i));
  if (i < n) store_part(y + i, n - i, load_part(x + i, n - i));
}
void widen_bf16(const std::uint16_t* x, float* y, std::size_t n) { convert_lanes(x, y, n); }
void narrow_bf16(const float* x, std::uint16_t* y, std::size_t n) { convert_lanes(x, y, n); }

void widen_s8(const std::int8_t* x, float* y, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i]);
}

// Adding 1.5 * 2^23 rounds to integers and leaves them in the low bits.
void narrow_s8(const float* x, std::int8_t* y, std::size_t n, float inverse_scale) {
  for (std::size_t i = 0; i < n; ++i) {
    float v = x[i] * inverse_scale;
    v = v > -127.0f ? v : -127.0f;
    v = v < 127.0f ? v : 127.0f;
    v += 12582912.0f;
    std::int32_t bits;
    __builtin_memcpy(&bits, &v, sizeof bits);
    y[i] = static_cast<std::int8_t>(bits - 0x4b400000);
  }
}

}  // namespace

void fill_half(HalfTable& t) {
  t = HalfTable{widen, narrow, widen_bf16, narrow_bf16, widen_s8, narrow_s8};
}

}  // namespace tt::kernels::TT_ISA
