// Small numbers as a storage format: arrays to and from float. The same bits on every instruction
// set.
//   widen, narrow:            IEEE half; to nearest even, overflow to infinity, NaN stays NaN
//   widen_bf16, narrow_bf16:  bfloat16, likewise
//   widen_s8:                 y = float(code)
//   narrow_s8:                code = x * inverse_scale to nearest even, kept within -127 and 127;
//                             of a NaN, any
#pragma once
#include <cstddef>
#include <cstdint>

namespace tt::kernels {

struct HalfTable {
  void (*widen)(const std::uint16_t* x, float* y, std::size_t n);
  void (*narrow)(const float* x, std::uint16_t* y, std::size_t n);
  void (*widen_bf16)(const std::uint16_t* x, float* y, std::size_t n);
  void (*narrow_bf16)(const float* x, std::uint16_t* y, std::size_t n);
  void (*widen_s8)(const std::int8_t* x, float* y, std::size_t n);
  void (*narrow_s8)(const float* x, std::int8_t* y, std::size_t n, float inverse_scale);
};

}  // namespace tt::kernels
