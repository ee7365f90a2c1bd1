// Float values become bfloat16: rows of codes for A, panels of pairs for B (gemm_bf16.hpp).
#pragma once
#include "tinytorch/kernels/bf16_lanes.simd.hpp"
#include "tinytorch/kernels/gemm_bf16/dot.simd.hpp"
#include "tinytorch/kernels/gemm_f32/transpose.simd.hpp"
#include "tinytorch/kernels/simd.hpp"

namespace tt::kernels::TT_ISA {

inline constexpr std::int64_t kLanes = static_cast<std::int64_t>(W);

// On normal numbers the integers' rounding is what the hardware's conversion gives.
inline I32 upper_half(I32 bits) { return bits & I32(static_cast<std::int32_t>(0xffff0000u)); }

// Codes of first and second side by side in each lane.
#if defined(TT_ISA_avx512_bf16) || defined(TT_ISA_amx)
// The hardware's conversion makes zero of subnormal numbers, which its products count as zero
// anyway.
inline __m512i converted(F32 lower, F32 upper) {
  return (__m512i)_mm512_cvtne2ps_pbh(upper, lower);
}
inline F32 paired(F32 first, F32 second) {
  alignas(64) static constexpr std::uint16_t kOrder[32] = {
      0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
      8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i codes =
      _mm512_permutexvar_epi16(_mm512_load_si512(kOrder), converted(first, second));
  return F32(_mm512_castsi512_ps(codes));
}
#else
inline F32 paired(F32 first, F32 second) {
  return as_float(((rounded_bits(first) >> 16) & I32(0xffff)) | upper_half(rounded_bits(second)));
}
#endif

inline F32 load_lanes(const float* p, std::int64_t lanes) {
  if (lanes >= kLanes) return load(p);
  return lanes <= 0 ? F32(0.0f) : load_n(p, static_cast<std::size_t>(lanes));
}
inline void store_lanes(float* p, std::int64_t lanes, F32 v) {
  if (lanes >= kLanes) {
    store(p, v);
  } else if (lanes > 0) {
    store_n(p, static_cast<std::size_t>(lanes), v);
  }
}

#if defined(TT_ISA_avx512_bf16) || defined(TT_ISA_amx)
inline void encode_row(const float* x, std::uint16_t* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; i += 2 * kLanes) {
    const __m512i codes =
        converted(load_lanes(x + i, n - i), load_lanes(x + i + kLanes, n - i - kLanes));
    const std::int64_t count = n - i + n % 2;
    const auto lanes = count >= 2 * kLanes ? ~__mmask32{0} : (__mmask32{1} << count) - 1;
    _mm512_mask_storeu_epi16(to + i, lanes, codes);
  }
}
#else
inline void encode_row(const float* x, float* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; i += kLanes) {
    store_lanes(to + i, n - i + n % 2,
                as_float(upper_half(rounded_bits(load_lanes(x + i, n - i)))));
  }
}
#endif

// W rows of A whose columns are contiguous: blocks are turned in registers. A lane is a float code,
// or a pair of short ones.
template <class Code>
inline void encode_turned(const float* x, std::int64_t step, std::int64_t rows, std::int64_t depth,
                          std::byte* codes, std::int64_t row_bytes) {
  constexpr std::int64_t kPer = 4 / static_cast<std::int64_t>(sizeof(Code));
  F32 block[W];
  TT_UNROLL for (std::int64_t q = 0; q < kLanes; ++q) {
    const float* from = x + q * kPer * step;
    const F32 first = load_lanes(from, q * kPer < depth ? rows : 0);
    if constexpr (kPer == 1) {
      block[q] = as_float(upper_half(rounded_bits(first)));
    } else {
      block[q] = paired(first, load_lanes(from + step, q * kPer + 1 < depth ? rows : 0));
    }
  }
  transpose(block);
  const std::int64_t lanes = kPer == 1 ? (depth + 1) / 2 * 2 : (depth + 1) / 2;
  TT_UNROLL for (std::int64_t r = 0; r < kLanes; ++r) {
    if (r < rows) store_lanes(reinterpret_cast<float*>(codes + r * row_bytes), lanes, block[r]);
  }
}

#if defined(TT_ISA_avx512_bf16) || defined(TT_ISA_amx)
// Codes of two rows side by side in each lane, zeros for a second that is null.
inline F32 code_pairs(const std::uint16_t* first, const std::uint16_t* second) {
  const auto lanes = [](const std::uint16_t* p) {
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  };
  const __m512i lower = lanes(first);
  if (second == nullptr) return F32(_mm512_castsi512_ps(lower));
  return F32(_mm512_castsi512_ps(_mm512_or_si512(lower, _mm512_slli_epi32(lanes(second), 16))));
}

// W rows of A from codes whose columns are contiguous, up to 2 W values of each.
inline void turn_code_pairs(const std::uint16_t* x, std::int64_t step, std::int64_t depth,
                            std::byte* codes, std::int64_t row_bytes) {
  F32 block[W];
  TT_UNROLL for (std::int64_t q = 0; q < kLanes; ++q) {
    const std::uint16_t* from = x + 2 * q * step;
    if (2 * q >= depth) {
      block[q] = F32(0.0f);
    } else {
      block[q] = code_pairs(from, 2 * q + 1 < depth ? from + step : nullptr);
    }
  }
  transpose(block);
  TT_UNROLL for (std::int64_t r = 0; r < kLanes; ++r) {
    store_lanes(reinterpret_cast<float*>(codes + r * row_bytes), (depth + 1) / 2, block[r]);
  }
}
#endif

// One group of a panel: two rows of B, `second` null beyond k.
inline void pack_rows_pair(const float* first, const float* second, std::int64_t cols,
                           std::int64_t width, float* out) {
  for (std::int64_t c = 0; c < width; c += kLanes) {
    const F32 lower = load_lanes(first + c, cols - c);
    const F32 upper = second == nullptr ? F32(0.0f) : load_lanes(second + c, cols - c);
    store(out + c, paired(lower, upper));
  }
}

// W columns of B, contiguous along k, and up to W values of each.
inline void pack_turned(const float* b, std::int64_t col, std::int64_t depth, std::int64_t cols,
                        std::int64_t width, float* out) {
  F32 block[W];
  TT_UNROLL for (std::int64_t c = 0; c < kLanes; ++c) {
    block[c] = c < cols ? load_lanes(b + c * col, depth) : F32(0.0f);
  }
  transpose(block);
  TT_UNROLL for (std::int64_t q = 0; q < kLanes / 2; ++q) {
    if (2 * q < depth) store(out + q * width, paired(block[2 * q], block[2 * q + 1]));
  }
}

}  // namespace tt::kernels::TT_ISA
