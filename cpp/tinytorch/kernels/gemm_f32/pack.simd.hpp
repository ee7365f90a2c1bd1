// Copies strips of a matrix to panels, as gemm.hpp says: whole vectors where either stride is 1.
#pragma once
#include "tinytorch/kernels/gemm_f32/gemm.hpp"
#include "tinytorch/kernels/gemm_f32/transpose.simd.hpp"
#include "tinytorch/kernels/simd.hpp"

namespace tt::kernels::TT_ISA {

inline F32 pack_load(const float* p, std::int64_t lanes) {
  if (lanes >= static_cast<std::int64_t>(W)) return load(p);
  return lanes <= 0 ? F32(0.0f) : load_n(p, static_cast<std::size_t>(lanes));
}
inline void pack_store(float* p, std::int64_t lanes, F32 v) {
  if (lanes >= static_cast<std::int64_t>(W)) {
    store(p, v);
  } else {
    store_n(p, static_cast<std::size_t>(lanes), v);
  }
}

// Rows of the source are contiguous. A few rows of all panels, then the next few, which are asked
// for meanwhile: the prefetcher does not follow short pieces of rows that lie far apart.
inline void pack_rows(const PanelCopy& c) {
  constexpr std::int64_t kRows = 8;
  constexpr auto kStep = static_cast<std::int64_t>(W),
                 kLineFloats = static_cast<std::int64_t>(kLine);
  for (std::int64_t p = 0; p < c.depth; p += kRows) {
    const std::int64_t rows = c.depth - p < kRows ? c.depth - p : kRows;
    for (std::int64_t j = 0; j < c.count; j += c.width) {
      const float* from = c.source + p * c.along + j;
      float* to = c.out + j / c.width * c.out_panel + p * c.width;
      for (std::int64_t r = 0; r < rows; ++r, from += c.along, to += c.width) {
        const float* next = from + kRows * c.along;
        for (std::int64_t i = 0; i < c.width; i += kLineFloats) __builtin_prefetch(next + i);
        for (std::int64_t i = 0; i < c.width; i += kStep) {
          pack_store(to + i, c.width - i, pack_load(from + i, c.count - j - i));
        }
      }
    }
  }
}

// Columns of the source are contiguous: blocks of W x W are transposed.
inline void pack_transposed(const float* source, std::int64_t across, std::int64_t count,
                            std::int64_t depth, std::int64_t width, float* out) {
  constexpr std::int64_t kStep = static_cast<std::int64_t>(W);
  for (std::int64_t i = 0; i < width; i += kStep) {
    for (std::int64_t p = 0; p < depth; p += kStep) {
      const std::int64_t steps = depth - p < kStep ? depth - p : kStep;
      F32 block[W];
      TT_UNROLL for (std::int64_t j = 0; j < kStep; ++j) {
        block[j] = i + j < count ? pack_load(source + (i + j) * across + p, steps) : F32(0.0f);
      }
      transpose(block);
      float* to = out + p * width + i;
      TT_UNROLL for (std::int64_t q = 0; q < kStep; ++q) {
        if (q < steps) pack_store(to + q * width, width - i, block[q]);
      }
    }
  }
}

inline void pack_any(const float* source, std::int64_t across, std::int64_t along,
                     std::int64_t count, std::int64_t depth, std::int64_t width, float* out) {
  for (std::int64_t p = 0; p < depth; ++p) {
    for (std::int64_t i = 0; i < width; ++i) {
      out[p * width + i] = i < count ? source[i * across + p * along] : 0.0f;
    }
  }
}

inline void pack(const PanelCopy& c) {
  if (c.across == 1) return pack_rows(c);
  float* out = c.out;
  for (std::int64_t j = 0; j < c.count; j += c.width, out += c.out_panel) {
    const float* from = c.source + j * c.across;
    const std::int64_t count = c.count - j < c.width ? c.count - j : c.width;
    if (c.along == 1) {
      pack_transposed(from, c.across, count, c.depth, c.width, out);
    } else {
      pack_any(from, c.across, c.along, count, c.depth, c.width, out);
    }
  }
}

}  // namespace tt::kernels::TT_ISA
