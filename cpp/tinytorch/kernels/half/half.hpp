// Half precision as a storage format: arrays to and from float, round to nearest even, overflow to
// infinity, NaN stays NaN. The same bits on every instruction set.
//   widen, narrow:            IEEE half
//   widen_bf16, narrow_bf16:  bfloat16
#pragma once
#include <cstddef>
#include <cstdint>

namespace tt::kernels {

struct HalfTable {
  void (*widen)(const std::uint16_t* x, float* y, std::size_t n);
  void (*narrow)(const float* x, std::uint16_t* y, std::size_t n);
  void (*widen_bf16)(const std::uint16_t* x, float* y, std::size_t n);
  void (*narrow_bf16)(const float* x, std::uint16_t* y, std::size_t n);
};

}  // namespace tt::kernels
