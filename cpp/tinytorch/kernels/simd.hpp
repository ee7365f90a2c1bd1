// The only file that includes xsimd. Gives kernel sources a vector type for the instruction set
// they are compiled for, partial loads and stores, and the small gaps between xsimd versions.
// Only *.simd.cpp files include it; everything here is in the namespace of the ISA.
#pragma once
#include <cstddef>
#include <cstdint>
#include <xsimd/xsimd.hpp>

#if !defined(TT_ISA)
#error "simd.hpp is for *.simd.cpp files, which tt_simd_kernel compiles"
#endif

namespace tt::kernels::TT_ISA {

#if defined(TT_ISA_avx512) || defined(TT_ISA_avx512_vnni)
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
using I32 = xsimd::batch<std::int32_t, Arch>;
inline constexpr std::size_t W = F32::size;  // floats per vector

inline F32 load(const float* p) { return F32::load_unaligned(p); }
inline void store(float* p, F32 v) { v.store_unaligned(p); }

// The first n < W elements; the rest read as `fill` and are not touched in memory.
inline F32 load_n(const float* p, std::size_t n, float fill = 0.0f) {
  alignas(64) float buffer[W];
  for (std::size_t i = 0; i < W; ++i) buffer[i] = i < n ? p[i] : fill;
  return F32::load_aligned(buffer);
}
inline void store_n(float* p, std::size_t n, F32 v) {
  alignas(64) float buffer[W];
  v.store_aligned(buffer);
  for (std::size_t i = 0; i < n; ++i) p[i] = buffer[i];
}

// a * b + c, fused where the instruction set has it.
inline F32 fma(F32 a, F32 b, F32 c) { return xsimd::fma(a, b, c); }

}  // namespace tt::kernels::TT_ISA
