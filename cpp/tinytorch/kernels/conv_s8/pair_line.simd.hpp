// Lines of P and Q, as PairLine states it.
#pragma once
#include "tinytorch/kernels/conv_s8/codes.simd.hpp"
#include "tinytorch/kernels/conv_s8/conv_s8.hpp"

namespace tt::kernels::TT_ISA {

// Codes stand for u - kCodeZero: what is to be added to sums and differences of them.
inline constexpr int kOfSum = kCodeZero, kOfDifference = 128 - kCodeZero;

#if defined(__x86_64__)

// 16 bytes of a and b: of P and Q. Half of the vectors may be nothing.
struct SumAndDifference {
  __m128i p, q;

  SumAndDifference(__m128i a, __m128i b) {
    if constexpr (sizeof(Code) == 1) {
      p = _mm_add_epi8(_mm_add_epi8(a, b), _mm_set1_epi8(static_cast<char>(kOfSum)));
      q = _mm_add_epi8(_mm_sub_epi8(a, b), _mm_set1_epi8(static_cast<char>(kOfDifference)));
    } else {
      p = _mm_add_epi16(_mm_add_epi16(a, b), _mm_set1_epi16(kOfSum));
      q = _mm_add_epi16(_mm_sub_epi16(a, b), _mm_set1_epi16(kOfDifference));
    }
  }
};

#if defined(__AVX512F__)
// 32 bytes of a and b to twice as many of P and Q.
inline void pair_block(const std::byte* a, const std::byte* b, std::byte* out) {
  const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a));
  const __m256i y = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b));
  __m256i p, q;
  if constexpr (sizeof(Code) == 1) {
    p = _mm256_add_epi8(_mm256_add_epi8(x, y), _mm256_set1_epi8(static_cast<char>(kOfSum)));
    q = _mm256_add_epi8(_mm256_sub_epi8(x, y), _mm256_set1_epi8(static_cast<char>(kOfDifference)));
  } else {
    p = _mm256_add_epi16(_mm256_add_epi16(x, y), _mm256_set1_epi16(kOfSum));
    q = _mm256_add_epi16(_mm256_sub_epi16(x, y), _mm256_set1_epi16(kOfDifference));
  }
  const __m512i in_turn = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  _mm512_storeu_si512(out, _mm512_permutex2var_epi32(_mm512_castsi256_si512(p), in_turn,
                                                     _mm512_castsi256_si512(q)));
}
#endif

// P and Q in turn, 4 bytes of each; half * sizeof(Code) is a multiple of 8.
inline void pair_run(const Code* a, const Code* b, std::int64_t half, Code* out) {
  static_assert(Dot::kStep * sizeof(Code) == 4);
  const auto* from = reinterpret_cast<const std::byte*>(a);
  const auto* other = reinterpret_cast<const std::byte*>(b);
  auto* to = reinterpret_cast<std::byte*>(out);
  const std::int64_t bytes = half * static_cast<std::int64_t>(sizeof(Code));
  std::int64_t i = 0;
#if defined(__AVX512F__)
  for (; i + 32 <= bytes; i += 32) pair_block(from + i, other + i, to + 2 * i);
#endif
  for (; i + 16 <= bytes; i += 16) {
    const SumAndDifference of(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i)),
                              _mm_loadu_si128(reinterpret_cast<const __m128i*>(other + i)));
    auto* at = reinterpret_cast<__m128i*>(to + 2 * i);
    _mm_storeu_si128(at, _mm_unpacklo_epi32(of.p, of.q));
    _mm_storeu_si128(at + 1, _mm_unpackhi_epi32(of.p, of.q));
  }
  if (i < bytes) {
    const SumAndDifference of(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from + i)),
                              _mm_loadl_epi64(reinterpret_cast<const __m128i*>(other + i)));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 2 * i), _mm_unpacklo_epi32(of.p, of.q));
  }
}

#else

inline void pair_run(const Code* a, const Code* b, std::int64_t half, Code* out) {
  for (std::int64_t i = 0; i < half; i += Dot::kStep, out += 2 * Dot::kStep) {
    for (int s = 0; s < Dot::kStep; ++s) {
      out[s] = static_cast<Code>(a[i + s] + b[i + s] + kOfSum);
      out[Dot::kStep + s] = static_cast<Code>(a[i + s] - b[i + s] + kOfDifference);
    }
  }
}

#endif

// Of kHalf pairs of channels, which the compiler unrolls; 0: of any number.
template <int kHalf>
inline void pair_line_of(const PairLine& l) {
  const auto* image = static_cast<const Code*>(l.image);
  const auto* blank = static_cast<const Code*>(l.blank);
  auto* out = static_cast<Code*>(l.out);
  const std::int64_t half = kHalf > 0 ? kHalf : l.channels / 2, channels = 2 * half;
  const auto pixel = [&](std::int64_t x) {
    return x < 0 || x >= l.pixels ? blank : image + x * channels;
  };
  for (std::int64_t x = l.left; x < l.left + l.width; ++x) {
    const bool inside = x >= 0 && x + l.kernel_w <= l.pixels;
    for (std::int64_t v = 0; v < l.kernel_w; ++v, out += channels) {
      const std::int64_t one = x + v, other = x + l.kernel_w - 1 - v;
      if (inside) {
        pair_run(image + one * channels, image + other * channels + half, half, out);
      } else {
        pair_run(pixel(one), pixel(other) + half, half, out);
      }
    }
  }
}

inline void pair_line(const PairLine& l) {
  switch (l.channels) {
    case 32:
      return pair_line_of<16>(l);
    case 48:
      return pair_line_of<24>(l);
    case 64:
      return pair_line_of<32>(l);
    case 96:
      return pair_line_of<48>(l);
    default:
      return pair_line_of<0>(l);
  }
}

}  // namespace tt::kernels::TT_ISA
