// A batch of images quantized to int8 codes, padded, channels innermost: (n, h + 2p, w + 2p, c).
// A window of a convolution is then a few contiguous runs, copied into rows for the integer
// product.
#pragma once
#include <cstddef>
#include <memory>
#include <vector>

#include "tinytorch/array/array.hpp"
#include "tinytorch/kernels/gemm_s8/packed_s8.hpp"
#include "tinytorch/ops/conv.hpp"

namespace tt::quant {

class ImagesS8 {
 public:
  // x float32 (n, c, h, w) contiguous. input_scale 0: each image by its own maximum.
  ImagesS8(const Array& x, const ops::ConvShape& shape, float input_scale);

  // y (n, out channels, out height, out width); one packed matrix per group.
  void convolve(const std::vector<kernels::PackedS8>& groups, const float* scales,
                const float* bias, float* y) const;

 private:
  void measure(const Array& x, float input_scale);
  void encode(const Array& x);
  // Windows of group `g` at output pixels [first, first + count) of image n, as rows of codes.
  void gather(index_t n, index_t g, index_t first, index_t count, index_t row_bytes,
              std::byte* rows) const;

  const kernels::GemmS8Table& table_;
  ops::ConvShape shape_;
  kernels::Window2d window_;
  index_t padded_h_, padded_w_;
  std::vector<float> scale_, inverse_;  // per image
  std::unique_ptr<std::byte[]> codes_;
};

}  // namespace tt::quant
