// Cross-correlation of N x C x H x W images whose kernels (out, in / groups, kh, kw) are stored as
// sparse rows (out, in / groups * kh * kw). Float32 or int8 values; int8 results are bit-equal to
// quant::Conv2dInt8 with the same weights.
#pragma once
#include <cstddef>
#include <memory>

#include "tinytorch/kernels/conv/window.hpp"
#include "tinytorch/sparse/sparse_rows.hpp"

namespace tt::sparse {

class Conv2dSparse {
 public:
  // weight_shape (out, in / groups, kh, kw); `window` brings stride, padding and dilation.
  Conv2dSparse(std::shared_ptr<const SparseRows> weight, const Shape& weight_shape,
               const Array& bias, const kernels::Window2d& window, index_t groups = 1,
               float input_scale = 0.0f);

  Array forward(const Array& x) const;

  const SparseRows& weight() const { return *weight_; }
  const Shape& weight_shape() const { return weight_shape_; }
  const Array& bias() const { return bias_; }
  const kernels::Window2d& window() const { return window_; }
  index_t groups() const { return groups_; }
  float input_scale() const { return input_scale_; }
  std::size_t stored_bytes() const;

 private:
  std::shared_ptr<const SparseRows> weight_;
  Shape weight_shape_;
  Array bias_;
  kernels::Window2d window_;
  index_t groups_;
  float input_scale_;
};

}  // namespace tt::sparse
