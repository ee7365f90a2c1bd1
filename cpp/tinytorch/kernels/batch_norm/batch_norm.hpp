// Parts of batch normalisation over one plane: n >= 1 contiguous values of one image and channel.
//   moments:    *mean = sum x / n, *squares = sum (x - *mean)^2
//   apply:      y = x scale + shift, fused where the instruction set has it
//   grad_sums:  *sum = sum dy, *product = sum dy (x - mean)
//   grad:       dx = dy scale + (x - mean) slope + shift
// y may be x, dx may be dy.
#pragma once
#include <cstddef>

namespace tt::kernels {

struct BatchNormGrad {
  float mean, scale, slope, shift;
};

struct BatchNormTable {
  void (*moments)(const float* x, std::size_t n, float* mean, float* squares);
  void (*apply)(const float* x, float scale, float shift, float* y, std::size_t n);
  void (*grad_sums)(const float* dy, const float* x, float mean, std::size_t n, float* sum,
                    float* product);
  void (*grad)(const float* dy, const float* x, const BatchNormGrad& g, float* dx, std::size_t n);
};

}  // namespace tt::kernels
