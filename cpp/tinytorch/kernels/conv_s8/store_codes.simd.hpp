// Sums of products to codes, as Requantize states it.
#pragma once
#include "tinytorch/kernels/conv_s8/codes.simd.hpp"
#include "tinytorch/kernels/conv_s8/conv_s8.hpp"
#include "tinytorch/kernels/panels.simd.hpp"

namespace tt::kernels::TT_ISA {

inline I32 larger(I32 a, I32 b) { return xsimd::max(a, b); }
inline I32 load_sums(const std::int32_t* p) { return I32::load_unaligned(p); }

inline F32 joined(F32 v, const Code* residual, F32 scale) {
  return v + xsimd::to_float(get_codes(residual)) * scale;
}

// A store as panels.simd.hpp wants it.
struct StoreCodes {
  using Sum = std::int32_t;
  const std::int32_t* column_sums;
  const Requantize& to;

  // Codes of whole vectors of columns.
  template <int Vectors>
  struct Columns {
    Columns(const StoreCodes& s, std::int64_t first)
        : low(s.to.low),
          high(s.to.high),
          residual_scale(s.to.residual_scale),
          residual(s.to.residual == nullptr ? nullptr
                                            : static_cast<const Code*>(s.to.residual) + first),
          out(static_cast<Code*>(s.to.out) + first),
          out_row(s.to.out_row) {
      TT_UNROLL for (int v = 0; v < Vectors; ++v) {
        scale[v] = load(s.to.scale + first + v * kWidth);
        offset[v] = load(s.to.offset + first + v * kWidth);
        taken[v] = Dot::kZero == 0
                       ? I32(0)
                       : load_sums(s.column_sums + first + v * kWidth) * I32(Dot::kZero);
      }
    }
    [[gnu::always_inline]] void put(std::int64_t row, int v, I32 sums) const {
      F32 value = xsimd::to_float(sums - taken[v]) * scale[v] + offset[v];
      const std::int64_t at = row * out_row + v * kWidth;
      if (residual != nullptr) value = joined(value, residual + at, residual_scale);
      put_rounded(out + at, value, low, high);
    }
    F32 low, high, residual_scale;
    const Code* residual;
    Code* out;
    std::int64_t out_row;
    F32 scale[Vectors], offset[Vectors];
    I32 taken[Vectors];
  };

  void one(std::int64_t row, std::int64_t c, std::int32_t sum) const {
    float v = static_cast<float>(from_zero(sum, column_sums[c])) * to.scale[c];
    v = v + to.offset[c];
    const std::int64_t at = row * to.out_row + c;
    if (to.residual != nullptr) {
      const std::int32_t u = static_cast<const Code*>(to.residual)[at] + kCodeZero;
      const float add = static_cast<float>(u) * to.residual_scale;
      v = v + add;
    }
    alignas(64) std::int32_t lane[W];
    rounded(F32(v), F32(to.low), F32(to.high)).store_aligned(lane);
    put_code(static_cast<Code*>(to.out) + at, lane[0]);
  }
};

}  // namespace tt::kernels::TT_ISA
