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

// Lines of results on their way into a dense array of either type.
class LinesOut {
 public:
  // `buffer` holds the lines that are made at once, if they are to be codes.
  LinesOut(const Array& y, index_t line, float* buffer) : y_(y), line_(line), buffer_(buffer) {}

  // Where line `first` of the array, and those made with it, are to be written.
  float* at(index_t first) const {
    return y_.dtype() == DType::f32 ? y_.data<float>() + first * line_ : buffer_;
  }
  void done(index_t first, index_t count) const {
    if (y_.dtype() == DType::f32) return;
    kernels::active().half.narrow_bf16(buffer_, y_.data<std::uint16_t>() + first * line_,
                                       static_cast<std::size_t>(count * line_));
  }

 private:
  const Array& y_;
  index_t line_;
  float* buffer_;
};

}  // namespace tt::ops
