// A linear layer whose weight was packed once, in one of several number formats.
#pragma once
#include <variant>
#include <vector>

#include "tinytorch/array/array.hpp"
#include "tinytorch/kernels/gemm_bf16/packed_bf16.hpp"
#include "tinytorch/kernels/gemm_f32/packed.hpp"
#include "tinytorch/kernels/gemm_s4/packed_s4.hpp"
#include "tinytorch/kernels/gemm_s8/packed_s8.hpp"
#include "tinytorch/runtime/precision.hpp"

namespace tt::runtime {

class PackedLinear {
 public:
  PackedLinear() = default;
  // weight (out, in) float32, any strides; bias (out,) or undefined. ShapeError if they do not fit.
  PackedLinear(const Array& weight, const Array& bias, Precision precision);

  index_t in_features() const { return in_; }
  index_t out_features() const { return out_; }
  std::size_t stored_bytes() const;  // of the weight as a file would hold it, its scales, the bias

  // The weights of one output as they are kept: w[in].
  void read_row(index_t output, float* w) const;

  // y[m, out] = x W^T + bias, or y += that. Rows of y are contiguous, those of x `x_row` apart (0:
  // contiguous, too). Nothing is allocated once a thread has seen the largest m.
  void apply(const float* x, index_t m, float* y, bool add_to_y = false, index_t x_row = 0) const;

 private:
  struct Int8 {
    kernels::PackedS8 weights;
    std::vector<float> scales;
  };
  std::variant<kernels::PackedF32, kernels::PackedBf16, Int8, kernels::PackedS4> packed_;
  std::vector<float> bias_;
  index_t in_ = 0, out_ = 0;
};

}  // namespace tt::runtime
