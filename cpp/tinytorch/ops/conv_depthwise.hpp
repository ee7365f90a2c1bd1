// Convolution channel by channel (depthwise: as many groups as channels and as results) of images
// whose channels are innermost. A product per group would be one of a single row.
#pragma once
#include "tinytorch/ops/conv.hpp"

namespace tt::ops {

// A window per channel, and channels in whole vectors.
bool convolves_depthwise(const ConvShape& s);

// x of float32 or a half type; weight (C, 1, kh, kw), bias (C,) or undefined, both float32. Results
// are of `type`, float32 or a half type. None of these takes arrays of no size.
Array conv2d_depthwise(const Array& x, const Array& weight, const Array& bias, const ConvShape& s,
                       DType type);
// bfloat16 if dy is, else float32.
Array conv2d_depthwise_grad_input(const Array& dy, const Array& weight, const ConvShape& s);
// Sums are made in an order that depends on the shape alone.
Array conv2d_depthwise_grad_weight(const Array& dy, const Array& x, const ConvShape& s);

}  // namespace tt::ops
