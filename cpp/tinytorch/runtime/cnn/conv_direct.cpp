// Convolution as a matrix product: the windows of a few rows of results are copied side by side
// (they stay in the cache), then multiplied with packed weights.
#include <algorithm>
#include <vector>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/conv/windows.hpp"
#include "tinytorch/kernels/gemm_f32/panels.hpp"
#include "tinytorch/runtime/cnn/conv_cut.hpp"
#include "tinytorch/runtime/cnn/step.hpp"

namespace tt::runtime {
namespace {

using kernels::Panels;
using kernels::Rows;
using kernels::Window2d;
using kernels::WindowRows;

constexpr index_t kWindowFloats = 160 * 1024;  // windows copied at once
constexpr index_t kPixels = 64;                // results at once, where the windows are small
constexpr index_t kFewPixels = 14;             // that still make good use of a panel

class DirectConv final : public Step {
 public:
  explicit DirectConv(const StepSource& s)
      : kernels_(s.kernels),
        window_(s.layer.window),
        from_(s.from),
        planes_(s.planes),
        groups_(s.layer.groups),
        relu_(s.layer.relu),
        pool_(s.layer.pool),
        height_(window_.out_height()),
        width_(window_.out_width()),
        bias_(s.layer.bias) {
    in_stored_ = s.from.stored_channels(), out_stored_ = s.to.stored_channels();
    inputs_ = planes_ || groups_ > 1 ? from_.channels / groups_ : in_stored_;
    outputs_ = s.to.channels / groups_;
    depth_ = window_.kernel_h * window_.kernel_w * inputs_;
    bias_.resize(static_cast<std::size_t>(out_stored_), 0.0f);
    own_windows_ = !planes_ && groups_ == 1 && depth_ == in_stored_ && window_.stride_h == 1 &&
                   window_.stride_w == 1 && window_.pad_h == 0 && window_.pad_w == 0;
    for (index_t g = 0; g < groups_; ++g) pack(s.layer, g);
    const index_t fit = std::clamp(kWindowFloats / depth_, kFewPixels, kPixels);
    most_rows_ = rows_for(pool_, std::max<index_t>(1, fit / width_));
  }

  index_t workspace() const override {
    const index_t pixels = most_rows_ * width_;
    return 4 * (windows_floats(pixels) + pixels * (pool_ ? out_stored_ : 0));
  }

  std::string method() const override {
    if (planes_) return "direct, from planes";
    return own_windows_ ? "matrix product" : "direct";
  }

  void run(const StepData& d) const override {
    const index_t panels = panels_[0].count();
    const ConvCut cut(d.images * height_,
                      {width_, most_rows_, kFewPixels, pool_, !pool_ && groups_ == 1, panels,
                       panels * panels_[0].width()});
    parallel_for(cut.pieces(), 1, [&](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i) compute(d, cut.piece(i));
    });
  }

 private:
  index_t windows_floats(index_t pixels) const { return own_windows_ ? 0 : (pixels + 16) * depth_; }

  void pack(const Layer& layer, index_t group) {
    const index_t taps = window_.kernel_h * window_.kernel_w, real = from_.channels / groups_;
    const float* weight = layer.weight.data() + group * outputs_ * real * taps;
    panels_.emplace_back(kernels_.gemm_f32, depth_, outputs_, groups_ == 1 ? out_stored_ : outputs_,
                         [&](index_t p, index_t j) {
                           const index_t c = planes_ ? p / taps : p % inputs_,
                                         tap = planes_ ? p % taps : p / inputs_;
                           return c < real ? weight[(j * real + c) * taps + tap] : 0.0f;
                         });
  }

  void compute(const StepData& d, const ConvPiece& p) const {
    const Workspaces::Piece work(*d.work);
    const index_t pixels = p.count * width_, start = p.first * width_ * out_stored_;
    float* sums = pool_ ? work.data() + windows_floats(most_rows_ * width_) : d.out() + start;
    for (index_t g = 0; g < groups_; ++g) {
      Rows rows = windows(d, p.first, p.count, g, work.data());
      rows.count = pixels;
      panels_[static_cast<std::size_t>(g)].multiply(
          rows, sums + g * outputs_, out_stored_, bias_.data() + g * outputs_, p.panel0, p.panel1);
    }
    const float* residual = d.add() != nullptr ? d.add() + start : nullptr;
    if (pool_) return finish_pooled(d, sums, residual, p.first, p.count);
    if (groups_ > 1) {
      clear_rest(sums, pixels);
      return finish_columns(sums, residual, pixels, 0, out_stored_);
    }
    finish_columns(sums, residual, pixels, p.panel0 * panels_[0].width(),
                   std::min(p.panel1 * panels_[0].width(), out_stored_));
  }

  Rows windows(const StepData& d, index_t first, index_t count, index_t group, float* out) const {
    const index_t image_size = height_ * width_;
    if (own_windows_) return {d.in() + first * width_ * in_stored_, in_stored_, 1, 0};
    const index_t step = count * width_ + 16;
    const WindowRows rows(window_, in_stored_, group * inputs_, inputs_);
    for (index_t i = 0; i < count; ++i) {
      const index_t n = (first + i) * width_ / image_size, y = (first + i) % height_;
      if (planes_) {
        const float* image = d.in() + n * from_.channels * window_.height * window_.width;
        kernels::copy_planes(image, window_, from_.channels, y, out + i * width_, step);
      } else {
        rows.copy(d.in() + n * window_.height * window_.width * in_stored_, y,
                  out + i * width_ * depth_);
      }
    }
    if (planes_) return {out, 1, step, 0};
    return {out, depth_, 1, 0};
  }

  // Columns [from, to) of results that are in place.
  void finish_columns(float* sums, const float* residual, index_t pixels, index_t from,
                      index_t to) const {
    if (residual == nullptr && !relu_) return;
    const auto& table = kernels_.conv_f32;
    if (from == 0 && to == out_stored_) {
      return table.finish({sums, residual, sums, pixels * out_stored_, relu_});
    }
    for (index_t p = 0; p < pixels; ++p) {
      float* at = sums + p * out_stored_ + from;
      const float* add = residual != nullptr ? residual + p * out_stored_ + from : nullptr;
      table.finish({at, add, at, to - from, relu_});
    }
  }

  void finish_pooled(const StepData& d, const float* sums, const float* residual, index_t first,
                     index_t count) const {
    const index_t line = width_ * out_stored_;
    for (index_t i = 0; i < count; i += 2) {
      const float* add = residual != nullptr ? residual + i * line : nullptr;
      kernels_.conv_f32.finish_pooled({sums + i * line, line, add, line,
                                       d.out() + (first + i) / 2 * (line / 2), width_, out_stored_,
                                       relu_});
    }
  }

  void clear_rest(float* sums, index_t pixels) const {
    const index_t used = groups_ * outputs_;
    for (index_t p = 0; p < pixels; ++p) {
      std::fill_n(sums + p * out_stored_ + used, out_stored_ - used, 0.0f);
    }
  }

  const kernels::Table& kernels_;
  Window2d window_;
  Value from_;
  bool planes_;
  index_t groups_;
  bool relu_, pool_;
  index_t height_, width_;
  std::vector<float> bias_;
  index_t in_stored_, out_stored_, inputs_, outputs_, depth_, most_rows_;
  bool own_windows_;            // 1 x 1 at stride 1: the image is its own windows
  std::vector<Panels> panels_;  // per group
};

}  // namespace

StepPtr make_direct_conv(const StepSource& s) { return std::make_unique<DirectConv>(s); }

}  // namespace tt::runtime
