// A sliding window over a plane of height x width, for convolution and pooling.
// Output (i, j), window position (u, v) reads input
//   (i stride_h - pad_h + u dilation_h,  j stride_w - pad_w + v dilation_w);
// positions outside the plane are padding.
#pragma once
#include <cstdint>

namespace tt::kernels {

struct Window2d {
  std::int64_t height = 0, width = 0;
  std::int64_t kernel_h = 1, kernel_w = 1;
  std::int64_t stride_h = 1, stride_w = 1;
  std::int64_t pad_h = 0, pad_w = 0;
  std::int64_t dilation_h = 1, dilation_w = 1;

  // Zero or less: the window does not fit, and there is no output.
  std::int64_t out_height() const {
    return positions(height, kernel_h, stride_h, pad_h, dilation_h);
  }
  std::int64_t out_width() const { return positions(width, kernel_w, stride_w, pad_w, dilation_w); }

 private:
  static std::int64_t positions(std::int64_t size, std::int64_t kernel, std::int64_t stride,
                                std::int64_t pad, std::int64_t dilation) {
    const std::int64_t room = size + 2 * pad - dilation * (kernel - 1) - 1;
    return room < 0 ? 0 : room / stride + 1;
  }
};

}  // namespace tt::kernels
