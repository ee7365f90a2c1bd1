// Per-tensor affine int8: x ~ (q - zero_point) * scale with q in [-128, 127].
//   scale = (high - low) / 255,  zero_point = clip(round(-128 - low / scale), -128, 127),
//   q = clip(round(x / scale + zero_point), -128, 127); rounding is half to even.
// The range is first widened to include 0, so that 0 is exact and a range such as [10, 11] keeps
// its resolution. Scale and zero point are computed in double precision, q in float32.
#pragma once
#include "tinytorch/array/array.hpp"

namespace tt::quant {

struct Affine {
  float scale = 1.0f;
  int zero_point = 0;
};

// For values in [low, high]; ValueError unless finite and low <= high. low == high gives {1, 0}.
Affine choose_affine(float low, float high);

// Smallest and largest element; ValueError where x is empty or holds NaN or infinity.
struct Range {
  float low = 0.0f, high = 0.0f;
};
Range range_of(const Array& x);

Array quantize_affine(const Array& x, Affine affine);    // int8, same shape
Array dequantize_affine(const Array& q, Affine affine);  // float32; q is int8

}  // namespace tt::quant
