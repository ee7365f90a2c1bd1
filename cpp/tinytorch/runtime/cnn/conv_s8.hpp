// What an int8 convolution is made of, however it is computed: packed weights, and how sums become
// codes.
#pragma once
#include <vector>

#include "tinytorch/runtime/cnn/step_s8.hpp"
#include "tinytorch/runtime/cnn/weights_s8.hpp"

namespace tt::runtime {

// That many bytes of a code.
std::vector<std::byte> codes_of(int u, index_t bytes, const kernels::GemmS8Table& gemm);

class ConvS8 {
 public:
  // Weights are packed for products of the shape.
  ConvS8(const StepSourceS8& s, const kernels::PanelShape& shape);

  const kernels::Table& kernels;
  const kernels::GemmS8Table& gemm;
  const kernels::Window2d window;
  const index_t groups;
  const bool pool;
  const index_t height, width, code;  // of results before a pool; bytes of a code
  // Channels of an image as they are stored, and that one group takes and makes.
  const index_t in_stored, out_stored, inputs, outputs;

  // Of one group: rows of (kernel_h, kernel_w, inputs).
  const WeightsS8& weights(index_t group) const {
    return weights_[static_cast<std::size_t>(group)];
  }
  // Of one group per channel: (kernel_h, kernel_w, stored channels), and no packed weights.
  const std::int32_t* taps() const { return taps_.data(); }
  int zero() const { return zero_; }  // of the input
  // What becomes of rows of sums from `first` on (counted over all images), columns [from, to).
  kernels::Requantize requantize(const StepData& d, index_t first, index_t from, index_t to) const;
  // Makes codes of `count` rows of sums of all outputs, which lie one after the other.
  void make_codes(const StepData& d, index_t first, index_t count, const std::int32_t* sums) const;
  // That many bytes of pixels that stand for 0.
  std::vector<std::byte> blank(index_t bytes) const;

 private:
  void pack(const StepSourceS8& s, const kernels::PanelShape& shape);
  void set_scales(const StepSourceS8& s);

  int zero_;
  std::vector<WeightsS8> weights_;  // per group
  std::vector<std::int32_t> taps_;
  std::vector<float> weight_scales_, scale_, offset_;
  std::vector<std::int32_t> sums_;  // of each output's weights
  float residual_scale_ = 0.0f, low_ = 0.0f, high_ = 255.0f;
};

// The ways to compute it: `lines` where they lie, if the instruction set and the layer allow it,
// else windows copied side by side.
bool takes_lines(const StepSourceS8& s);
StepPtr make_conv_lines_s8(const StepSourceS8& s);
StepPtr make_conv_windows_s8(const StepSourceS8& s);
StepPtr make_conv_depthwise_s8(const StepSourceS8& s);  // as many groups as channels
StepPtr make_conv_pairs_s8(const StepSourceS8& s);      // filters in mirror pairs

}  // namespace tt::runtime
