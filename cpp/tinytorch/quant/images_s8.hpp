// A batch of images quantized to int8 codes, padded, channels innermost: (n, h + 2p, w + 2p, c).
// A window of a convolution is then a few contiguous runs, copied into rows for the integer product.
#pragma once
#include <cstddef>
#include <memory>
#include <vector>

#include "tinytorch/array/array.hpp"
#include "tinytorch/kernels/gemm_s8/packed_s8.hpp"
#include "tinytorch/quant/conv2d_int8.hpp"

namespace tt::quant {

class ImagesS8 {
 public:
  // x float32 (n, c, h, w) contiguous. input_scale 0: each image by its own maximum.
  ImagesS8(const Array& x, const ConvGeometry& geometry, const Shape& weight, float input_scale);

  index_t out_h() const { return out_[0]; }
  index_t out_w() const { return out_[1]; }

  // y (n, groups * rows of a group, out_h, out_w); one packed matrix per group.
  void convolve(const std::vector<kernels::PackedS8>& groups, const float* scales,
                const float* bias, float* y) const;

 private:
  void measure(const Array& x, float input_scale);
  void encode(const Array& x);
  // Windows of group `g` at output pixels [first, first + count) of image n, as rows of codes.
  void gather(index_t n, index_t g, index_t first, index_t count, index_t row_bytes,
              std::byte* rows) const;

  const kernels::GemmS8Table& table_;
  ConvGeometry geometry_;
  index_t count_, channels_, group_channels_;
  index_t kernel_[2], size_[2], padded_[2], out_[2];  // by height, width
  std::vector<float> scale_, inverse_;                // per image
  std::unique_ptr<std::byte[]> codes_;
};

}  // namespace tt::quant
