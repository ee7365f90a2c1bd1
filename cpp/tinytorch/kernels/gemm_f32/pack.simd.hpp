// Copies a strip of a matrix into a panel for the micro-kernels:
//   out[p * width + i] = source[i * across + p * along],  0 <= p < depth, i < count,
// and zeros for count <= i < width. Whole vectors where either stride is 1.
#pragma once
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

// Rows of the source are contiguous.
inline void pack_rows(const float* source, std::int64_t along, std::int64_t count,
                      std::int64_t depth, std::int64_t width, float* out) {
  constexpr std::int64_t kStep = static_cast<std::int64_t>(W);
  for (std::int64_t p = 0; p < depth; ++p, source += along, out += width) {
    for (std::int64_t i = 0; i < width; i += kStep) {
      pack_store(out + i, width - i, pack_load(source + i, count - i));
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

inline void pack(const float* source, std::int64_t across, std::int64_t along, std::int64_t count,
                 std::int64_t depth, std::int64_t width, float* out) {
  if (across == 1) return pack_rows(source, along, count, depth, width, out);
  if (along == 1) return pack_transposed(source, across, count, depth, width, out);
  for (std::int64_t p = 0; p < depth; ++p) {
    for (std::int64_t i = 0; i < width; ++i) {
      out[p * width + i] = i < count ? source[i * across + p * along] : 0.0f;
    }
  }
}

}  // namespace tt::kernels::TT_ISA
