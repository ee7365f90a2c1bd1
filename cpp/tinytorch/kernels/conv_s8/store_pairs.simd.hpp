// Sums of mirror pairs to codes, as PairLinesToCodes states it: lanes are P and Q of a pair in
// turn, then a filter and its partner.
#pragma once
#include "tinytorch/kernels/conv_s8/codes.simd.hpp"
#include "tinytorch/kernels/conv_s8/conv_s8.hpp"
#include "tinytorch/kernels/conv_s8/store_codes.simd.hpp"

namespace tt::kernels::TT_ISA {

// kStep codes of P and kStep of Q, for every two columns.
inline auto broadcast_two(const Code* p) {
  using Row = decltype(Dot::broadcast(p));
#if defined(__AVX512F__)
  return Row(_mm512_set1_epi64(read_as<long long>(p)));
#elif defined(__AVX2__)
  return Row(_mm256_set1_epi64x(read_as<long long>(p)));
#elif defined(__x86_64__)
  return Row(_mm_set1_epi64x(read_as<long long>(p)));
#elif defined(TT_ISA_neon_dot)
  return vreinterpretq_s8_s64(vdupq_n_s64(read_as<std::int64_t>(p)));
#else
  return vreinterpret_s16_s32(vdup_n_s32(read_as<std::int32_t>(p)));
#endif
}

// Lanes 2 j and 2 j + 1 exchanged.
inline F32 exchanged(F32 x) {
#if defined(__AVX512F__)
  return F32(_mm512_permute_ps(x, 0xb1));
#elif defined(__AVX2__)
  return F32(_mm256_permute_ps(x, 0xb1));
#elif defined(__x86_64__)
  return F32(_mm_shuffle_ps(x, x, 0xb1));
#else
  return F32(vrev64q_f32(x));
#endif
}

// 1 and -1 in turn.
inline F32 signs() {
  alignas(64) float lane[W];
  for (std::size_t i = 0; i < W; ++i) lane[i] = i % 2 == 0 ? 1.0f : -1.0f;
  return F32::load_aligned(lane);
}

// Lanes 2 j to p[j], lanes 2 j + 1 to p[half + j], and from there.
inline void put_two(Code* p, std::int64_t half, F32 v, F32 low, F32 high) {
#if defined(__AVX512F__)
  if constexpr (sizeof(Code) == 1) {
    const __m512i u = _mm512_cvtps_epi32(at_most(number_at_least(v, low), high));
    const __m128i apart =
        _mm_shuffle_epi8(_mm512_cvtepi32_epi8(u),
                         _mm_set_epi8(15, 13, 11, 9, 7, 5, 3, 1, 14, 12, 10, 8, 6, 4, 2, 0));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), apart);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p + half), _mm_unpackhi_epi64(apart, apart));
    return;
  }
#endif
  alignas(64) std::int32_t lane[W];
  rounded(v, low, high).store_aligned(lane);
  for (std::size_t i = 0; i < W; i += 2) {
    put_code(p + i / 2, lane[i]);
    put_code(p + half + static_cast<std::int64_t>(i / 2), lane[i + 1]);
  }
}
inline I32 get_two(const Code* p, std::int64_t half) {
  alignas(64) Code codes[W];
#if defined(__AVX512F__)
  if constexpr (sizeof(Code) == 1) {
    const __m128i both =
        _mm_unpacklo_epi8(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)),
                          _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + half)));
    return I32(_mm512_cvtepu8_epi32(both)) + I32(kCodeZero);
  }
#endif
  for (std::size_t i = 0; i < W; i += 2) {
    codes[i] = p[i / 2];
    codes[i + 1] = p[half + static_cast<std::int64_t>(i / 2)];
  }
  return get_codes(codes);
}

// As StoreCodes::Columns, of whole vectors of columns.
template <int Vectors>
struct PairColumns {
  using Kept = F32;

  PairColumns(const PairLinesToCodes& l, std::int64_t first)
      : low(l.lines.to.low),
        high(l.lines.to.high),
        residual_scale(l.lines.to.residual_scale),
        sign(signs()),
        out(static_cast<Code*>(l.lines.to.out) + first / 2),
        out_row(l.lines.to.out_row),
        half(l.half) {
    const Requantize& to = l.lines.to;
    if (to.residual != nullptr) residual = static_cast<const Code*>(to.residual) + first / 2;
    TT_UNROLL for (int v = 0; v < Vectors; ++v) {
      scale[v] = load(to.scale + first + v * kWidth);
      offset[v] = load(to.offset + first + v * kWidth);
      taken[v] = Dot::kZero == 0 ? I32(0)
                                 : load_sums(l.lines.product.column_sums + first + v * kWidth) *
                                       I32(Dot::kZero);
    }
  }
  // Of result `source`. Not a number: the lowest, so that the largest of four has an order.
  [[gnu::always_inline]] F32 keep(int v, I32 sums, std::int64_t source) const {
    const F32 t = xsimd::to_float(sums - taken[v]) * scale[v];
    F32 value = (exchanged(t) + t * sign) + offset[v];
    if (residual != nullptr) {
      const Code* add = residual + source * out_row + v * kWidth / 2;
      value = value + xsimd::to_float(get_two(add, half)) * residual_scale;
    }
    return number_at_least(value, low);
  }
  [[gnu::always_inline]] void put(std::int64_t row, int v, F32 value) const {
    put_two(out + row * out_row + v * kWidth / 2, half, value, low, high);
  }

  F32 low, high, residual_scale, sign;
  const Code* residual = nullptr;
  Code* out;
  std::int64_t out_row, half;
  F32 scale[Vectors], offset[Vectors];
  I32 taken[Vectors];
};

}  // namespace tt::kernels::TT_ISA
