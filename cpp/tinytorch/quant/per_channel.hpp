// Symmetric int8 weights, one scale per output channel (the first axis):
//   scale[c] = max |w[c, ...]| / 127,  q = round(w / scale[c]) in [-127, 127], never -128.
// A channel of zeros has scale 1.
#pragma once
#include "tinytorch/array/array.hpp"

namespace tt::quant {

struct PerChannel {
  Array q;       // int8, shape of w
  Array scales;  // float32, (channels,)
};

PerChannel quantize_per_channel(const Array& w);  // ValueError on NaN or infinity
Array dequantize_per_channel(const PerChannel& weights);

// Throws unless q is int8 in [-127, 127] with `ndim` dims, scales are `channels` finite positive
// floats, and bias (where defined) has `channels` finite values. `layer` names the caller.
void check_per_channel(const char* layer, const Array& q, const Array& scales, const Array& bias,
                       int ndim);

}  // namespace tt::quant
