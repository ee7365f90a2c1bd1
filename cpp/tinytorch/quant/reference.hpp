// Plain loops over plain layouts that say what the int8 layers compute; tests hold the layers to
// them bit for bit.
#pragma once
#include "tinytorch/array/array.hpp"
#include "tinytorch/kernels/conv/window.hpp"

namespace tt::quant::reference {

// x (m, in) float32, weight int8 (out, in). input_scale 0: per row.
Array linear_int8(const Array& x, const Array& weight, const Array& scales, const Array& bias,
                  float input_scale);

// x (n, c, h, w), weight int8 (out, c / groups, kh, kw). input_scale 0: per image.
Array conv2d_int8(const Array& x, const Array& weight, const Array& scales, const Array& bias,
                  const kernels::Window2d& window, index_t groups, float input_scale);

}  // namespace tt::quant::reference
