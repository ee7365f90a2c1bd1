// Convolution in bfloat16 of images whose channels are innermost, on instruction sets with tiles
// (kernels/conv_bf16). Values are rounded to bfloat16, sums are float32.
#pragma once
#include "tinytorch/ops/conv.hpp"

namespace tt::ops {

// Asked for bfloat16 products, on a machine with tiles, in shapes that fill them. Elsewhere
// conv_images.hpp takes over.
bool convolves_tiles(const ConvShape& s);

// Images x and dy are float32 or bfloat16, weight and bias float32. Results and dx are bfloat16,
// channels last; dw is float32.
Array conv2d_tiles(const Array& x, const Array& weight, const Array& bias, const ConvShape& s);
Array conv2d_tiles_grad_input(const Array& dy, const Array& weight, const ConvShape& s);
Array conv2d_tiles_grad_weight(const Array& dy, const Array& x, const ConvShape& s);

}  // namespace tt::ops
