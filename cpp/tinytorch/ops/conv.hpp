// 2-D convolution (cross-correlation) and pooling of images (N, C, H, W).
// Convolution is a matrix product per image and group over gathered columns (kernels/conv).
#pragma once
#include "tinytorch/array/array.hpp"
#include "tinytorch/kernels/conv/window.hpp"
#include "tinytorch/ops/matmul.hpp"

namespace tt::ops {

struct ConvShape {
  kernels::Window2d window;
  index_t batch, channels, out_channels, groups;
  Products products = Products::full;  // of all three functions below
};

// Checks x (N, C, H, W) against weight (O, C / groups, kh, kw) and bias (O,) or undefined. `window`
// brings stride, padding and dilation. ShapeError "Expected 4D input", "channels"...
ConvShape conv_shape(const Array& x, const Array& weight, const Array& bias,
                     kernels::Window2d window, index_t groups);

// In the type of x; with products in bfloat16, float32 and half images give bfloat16 ones.
Array conv2d(const Array& x, const Array& weight, const Array& bias, const ConvShape& shape);
// The gradients are float32 (float64 of such), or those of bfloat16 images of that type.
Array conv2d_grad_input(const Array& dy, const Array& weight, const ConvShape& shape);
// Partial sums over fixed groups of images, joined in order: equal for any number of threads.
Array conv2d_grad_weight(const Array& dy, const Array& x, const ConvShape& shape);

// `window` brings kernel, stride and padding; height and width are taken from x.
kernels::Window2d pool_window(const Array& x, kernels::Window2d window);
struct MaxPooled {
  // argmax: int32 index into the plane; of pixels (channels last), uint8 place in the window.
  Array y, argmax;
};
MaxPooled max_pool2d(const Array& x, const kernels::Window2d& window);
Array avg_pool2d(const Array& x, const kernels::Window2d& window);
Array avg_pool2d_grad(const Array& dy, const Shape& x, const kernels::Window2d& window);
MaxPooled adaptive_max_pool2d(const Array& x, index_t out_height, index_t out_width);
Array adaptive_avg_pool2d(const Array& x, index_t out_height, index_t out_width);
Array adaptive_avg_pool2d_grad(const Array& dy, const Shape& x);
// For both kinds of max pooling.
Array max_pool2d_grad(const Array& dy, const Array& argmax, const Shape& x);

}  // namespace tt::ops
