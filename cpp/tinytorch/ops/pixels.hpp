// Values of images, float32 or bfloat16 codes, for kernels that take floats.
#pragma once
#include "tinytorch/array/array.hpp"
#include "tinytorch/kernels/dispatch.hpp"

namespace tt::ops {

// `count` values of a dense array from `first` on as floats: where they lie, or in `buffer`.
inline const float* floats_of(const Array& x, index_t first, index_t count, float* buffer) {
  if (x.dtype() == DType::f32) return x.data<float>() + first;
  kernels::active().half.widen_bf16(x.data<std::uint16_t>() + first, buffer,
                                    static_cast<std::size_t>(count));
  return buffer;
}

}  // namespace tt::ops
