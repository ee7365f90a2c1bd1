// Pooling by 2 x 2 windows side by side, which is what most networks use: one row of outputs from
// two rows of inputs, in float. `pool.hpp` turns to it and has the meaning.
//   max:      y[j] = largest of upper[2j], upper[2j + 1], lower[2j], lower[2j + 1];
//             argmax[j] = its place, counted from `first` at upper[0], `width` a row; the first of
//             equal ones, and the first NaN if there is one. argmax may be null.
//   average:  y[j] = (((upper[2j] + upper[2j + 1]) + lower[2j]) + lower[2j + 1]) / 4
//   average_grad: the four of output j += dy[j] / 4
// n outputs; reads 2n inputs a row.
//
// The same with `channels` values per pixel, innermost, as floats or codes of bfloat16. There a
// place is 0 .. 3 (upper left, upper right, lower left, lower right), and the gradients replace
// what is in the four pixels:
//   max_grad: dy where its place is, else 0;   average_grad: dy / 4
#pragma once
#include <cstddef>
#include <cstdint>

namespace tt::kernels {

struct PoolPixels {
  std::int64_t n = 0, channels = 0;
};

template <class T>
struct PoolPixelTable {
  void (*max)(const T* upper, const T* lower, const PoolPixels& p, T* y, std::uint8_t* place);
  void (*max_grad)(const T* dy, const std::uint8_t* place, const PoolPixels& p, T* upper, T* lower);
  void (*average)(const T* upper, const T* lower, const PoolPixels& p, T* y);
  void (*average_grad)(const T* dy, const PoolPixels& p, T* upper, T* lower);
};

struct PoolTable {
  void (*max)(const float* upper, const float* lower, std::int32_t first, std::int32_t width,
              float* y, std::int32_t* argmax, std::size_t n);
  void (*average)(const float* upper, const float* lower, float* y, std::size_t n);
  void (*average_grad)(const float* dy, float* upper, float* lower, std::size_t n);
  PoolPixelTable<float> float_pixels;
  PoolPixelTable<std::uint16_t> bf16_pixels;

  template <class T>
  const PoolPixelTable<T>& pixels() const {
    if constexpr (sizeof(T) == sizeof(float)) {
      return float_pixels;
    } else {
      return bf16_pixels;
    }
  }
};

}  // namespace tt::kernels
