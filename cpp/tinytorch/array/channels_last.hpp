// Images (N, C, H, W) may lie in memory as (N, H, W, C): "channels last", as the convolution
// kernels want them. Such an array is an ordinary view with unusual strides, so that operators that
// know nothing of it are right, and those that do keep the layout.
#pragma once
#include "tinytorch/array/array.hpp"

namespace tt {

// 4-D and dense in that order, and not row-major at the same time.
bool is_channels_last(const Array& x);

// The same of float32 or bfloat16 values, which kernels for pixels take. Never empty: that is
// row-major.
inline bool has_pixels(const Array& x) {
  return (x.dtype() == DType::f32 || x.dtype() == DType::bf16) && is_channels_last(x);
}
// Calls fn(type_tag<T>{}) for how such values lie in memory: floats, or codes of bfloat16.
template <class Fn>
decltype(auto) visit_pixels(const Array& x, Fn&& fn) {
  if (x.dtype() == DType::bf16) return fn(type_tag<std::uint16_t>{});
  return fn(type_tag<float>{});
}

// (N, C, H, W) seen as (N, H, W, C), and back: views.
Array pixels_of(const Array& images);
Array images_of(const Array& pixels);

Array empty_channels_last(const Shape& shape, DType dtype = DType::f32);
Array to_channels_last(const Array& x);  // x itself if its pixels are dense

}  // namespace tt
