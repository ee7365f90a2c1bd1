// Parts of batch normalisation over one plane: n >= 1 contiguous values of one image and channel.
//   moments:    *mean = sum x / n, *squares = sum (x - *mean)^2
//   apply:      y = x scale + shift, fused where the instruction set has it
//   grad_sums:  *sum = sum dy, *product = sum dy (x - mean)
//   grad:       dx = dy scale + (x - mean) slope + shift
// y may be x, dx may be dy.
//
// The same over pixels: `rows` rows of `channels` contiguous values, one per channel, whose
// parameters are vectors of that length. The values are floats, or codes of bfloat16.
//   moments:    mean[c], squares[c] as above, over the rows (at least one)
//   apply:      y = x scale + shift, and max(., 0) with relu
//   grad_sums:  sum[c] and product[c] as above; with relu, dy counts as 0 where y is not positive
//   grad:       dx as above, likewise
// The gradients with relu work y out from x again: the result need not be kept.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tt::kernels {

struct BatchNormGrad {
  float mean, scale, slope, shift;
};

struct BatchNormPixels {
  std::size_t rows = 0, channels = 0;
  const float* scale = nullptr;  // of y = x scale + shift
  const float* shift = nullptr;
  const float* mean = nullptr;   // of the gradients
  const float* slope = nullptr;  // grad: dx = dy scale + (x - mean) slope + offset
  const float* offset = nullptr;
  bool relu = false;
};

template <class T>
struct BatchNormPixelTable {
  void (*moments)(const T* x, std::size_t rows, std::size_t channels, float* mean, float* squares);
  void (*apply)(const T* x, const BatchNormPixels& p, T* y);
  void (*grad_sums)(const T* dy, const T* x, const BatchNormPixels& p, float* sum, float* product);
  void (*grad)(const T* dy, const T* x, const BatchNormPixels& p, T* dx);
};

struct BatchNormTable {
  void (*moments)(const float* x, std::size_t n, float* mean, float* squares);
  void (*apply)(const float* x, float scale, float shift, float* y, std::size_t n);
  void (*grad_sums)(const float* dy, const float* x, float mean, std::size_t n, float* sum,
                    float* product);
  void (*grad)(const float* dy, const float* x, const BatchNormGrad& g, float* dx, std::size_t n);
  BatchNormPixelTable<float> float_pixels;
  BatchNormPixelTable<std::uint16_t> bf16_pixels;

  template <class T>
  const BatchNormPixelTable<T>& pixels() const {
    if constexpr (sizeof(T) == sizeof(float)) {
      return float_pixels;
    } else {
      return bf16_pixels;
    }
  }
};

}  // namespace tt::kernels
