// Convolution of images whose channels are innermost (array/channels_last.hpp), in blocks
// that stay in the caches: Winograd for 3 x 3 windows at stride 1, else windows copied side by side
// and multiplied. Results keep the layout. ops/conv.cpp turns to it where it applies. Products that
// were asked for in bfloat16 are, if the processor has instructions for them; else float32 is
// faster, and is taken.
#pragma once
#include "tinytorch/ops/conv.hpp"

namespace tt::ops {

// One group, and channels in whole vectors, or in half ones for windows of several pixels; images
// of few channels may also come as planes.
bool convolves_images(const ConvShape& s);

// x of float32 or a half type; weight (O, C, kh, kw), bias (O,) or undefined, both float32. Results
// are of `type`, float32 or a half type.
Array conv2d_images(const Array& x, const Array& weight, const Array& bias, const ConvShape& s,
                    DType type = DType::f32);

// Whether gradients with respect to the input are made here: not those of planes.
bool grads_images(const ConvShape& s);
// Either result may be float32 where dy is of a half type.
Array conv2d_images_grad_input(const Array& dy, const Array& weight, const ConvShape& s);
// Sums are made in an order that depends on the shape alone.
Array conv2d_images_grad_weight(const Array& dy, const Array& x, const ConvShape& s);

}  // namespace tt::ops
