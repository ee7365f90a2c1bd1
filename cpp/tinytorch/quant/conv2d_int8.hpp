// Cross-correlation of N x C x H x W images with int8 kernels (out, in / groups, kh, kw), one float
// scale per output channel:
//   y[n, o, i, j] = bias[o] + scale_x[n] scale_w[o] sum q_x q_w,  zero padding.
// Each image is quantized by its own maximum (dynamic) or by one calibrated scale (static), so an
// image's result does not depend on the batch. Sums are exact integers: bit-equal on every
// instruction set and for any number of threads.
#pragma once
#include <cstddef>
#include <vector>

#include "tinytorch/array/array.hpp"
#include "tinytorch/kernels/conv/window.hpp"
#include "tinytorch/kernels/gemm_s8/packed_s8.hpp"

namespace tt::quant {

class Conv2dInt8 {
 public:
  // `window` brings stride, padding and dilation; its sizes are not read.
  Conv2dInt8(const Array& weight, const Array& scales, const Array& bias,
             const kernels::Window2d& window, index_t groups = 1, float input_scale = 0.0f);
  static Conv2dInt8 from_float(const Array& weight, const Array& bias,
                               const kernels::Window2d& window, index_t groups = 1,
                               float input_scale = 0.0f);

  Array forward(const Array& x) const;  // (n, in, h, w) -> (n, out, oh, ow), float32

  const Shape& weight_shape() const { return weight_shape_; }
  const kernels::Window2d& window() const { return window_; }
  index_t groups() const { return static_cast<index_t>(groups_.size()); }
  float input_scale() const { return input_scale_; }
  Array weight() const;  // int8, unpacked
  const Array& scales() const { return scales_; }
  const Array& bias() const { return bias_; }  // may be undefined
  std::size_t stored_bytes() const;

 private:
  kernels::Window2d window_;
  Shape weight_shape_;
  std::vector<kernels::PackedS8> groups_;  // each (out / groups, kh * kw * in / groups)
  Array scales_, bias_;
  float input_scale_;
};

}  // namespace tt::quant
