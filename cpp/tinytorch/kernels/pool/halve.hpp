// Pooling by 2 x 2 windows side by side, which is what most networks use: one row of outputs from
// two rows of inputs, in float. `pool.hpp` turns to it and has the meaning.
//   max:      y[j] = largest of upper[2j], upper[2j + 1], lower[2j], lower[2j + 1];
//             argmax[j] = its place, counted from `first` at upper[0], `width` a row; the first of
//             equal ones, and the first NaN if there is one. argmax may be null.
//   average:  y[j] = (((upper[2j] + upper[2j + 1]) + lower[2j]) + lower[2j + 1]) / 4
//   average_grad: the four of output j += dy[j] / 4
// n outputs; reads 2n inputs a row. The same with `channels` values per pixel, innermost (places
// are counted in pixels), and the gradients, which replace what is in the four pixels:
//   max_pixels_grad: dy where its place is, else 0;   average_pixels_grad: dy / 4
#pragma once
#include <cstddef>
#include <cstdint>

namespace tt::kernels {

struct PoolPixels {
  std::int64_t n = 0, channels = 0;
  std::int32_t first = 0, width = 0;
};

struct PoolTable {
  void (*max)(const float* upper, const float* lower, std::int32_t first, std::int32_t width,
              float* y, std::int32_t* argmax, std::size_t n);
  void (*average)(const float* upper, const float* lower, float* y, std::size_t n);
  void (*average_grad)(const float* dy, float* upper, float* lower, std::size_t n);
  void (*max_pixels)(const float* upper, const float* lower, const PoolPixels& p, float* y,
                     std::int32_t* argmax);
  void (*max_pixels_grad)(const float* dy, const std::int32_t* argmax, const PoolPixels& p,
                          float* upper, float* lower);
  void (*average_pixels)(const float* upper, const float* lower, const PoolPixels& p, float* y);
  void (*average_pixels_grad)(const float* dy, const PoolPixels& p, float* upper, float* lower);
};

}  // namespace tt::kernels
