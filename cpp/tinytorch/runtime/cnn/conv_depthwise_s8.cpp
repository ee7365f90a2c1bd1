// Convolution of codes channel by channel: a matrix product per channel would have one column.
#include <algorithm>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/runtime/cnn/conv_cut.hpp"
#include "tinytorch/runtime/cnn/conv_s8.hpp"

namespace tt::runtime {
namespace {

constexpr index_t kSums = 16 * 1024;  // computed at once, which stay in the second cache

class ConvDepthwiseS8 final : public Step {
 public:
  explicit ConvDepthwiseS8(const StepSourceS8& s)
      : conv_(s, s.base.kernels.gemm_s8.shape),
        line_(conv_.width * conv_.out_stored),
        rows_(rows_for(conv_.pool, kSums / std::max<index_t>(1, line_))) {}

  index_t workspace() const override {
    return rows_ * line_ * static_cast<index_t>(sizeof(std::int32_t));
  }
  std::string method() const override { return "int8 channel by channel"; }

  void run(const StepData& d) const override {
    const index_t rows = d.images * conv_.height, few = rows_for(conv_.pool, rows / kPieces);
    const index_t at_once = std::min(rows_, few), pieces = (rows + at_once - 1) / at_once;
    parallel_for(pieces, 1, [&](index_t begin, index_t end) {
      const Workspaces::Piece work(*d.work);
      auto* sums = reinterpret_cast<std::int32_t*>(work.bytes());
      for (index_t i = begin; i < end; ++i) {
        const index_t first = i * at_once, count = std::min(at_once, rows - first);
        for (index_t r = 0; r < count; ++r) sum_row(d, first + r, sums + r * line_);
        conv_.make_codes(d, first, count, sums);
      }
    });
  }

 private:
  static constexpr index_t kPieces = 4;  // to share a small layer among threads

  void sum_row(const StepData& d, index_t row, std::int32_t* sums) const {
    const kernels::Window2d& w = conv_.window;
    const index_t image = w.height * w.width * conv_.in_stored * conv_.code;
    conv_.kernels.conv_s8.depthwise_sums(
        {d.input + row / conv_.height * image, w.height, w.width, conv_.in_stored,
         row % conv_.height * w.stride_h - w.pad_h, -w.pad_w, w.kernel_h, w.kernel_w, w.stride_w,
         w.dilation_h, w.dilation_w, conv_.taps(), conv_.zero(), conv_.width, sums});
  }

  ConvS8 conv_;
  index_t line_, rows_;  // sums of a row of results, rows at once
};

}  // namespace

StepPtr make_conv_depthwise_s8(const StepSourceS8& s) {
  return std::make_unique<ConvDepthwiseS8>(s);
}

}  // namespace tt::runtime
