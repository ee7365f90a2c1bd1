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
using kernels::Window2d;
using kernels::WindowSource;

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
    for (index_t g = 0; g < groups_; ++g) {
      windows_.emplace_back(window_, planes_ ? from_.channels : in_stored_, g * inputs_, inputs_,
                            planes_);
    }
    outputs_ = s.to.channels / groups_;
    bias_.resize(static_cast<std::size_t>(out_stored_), 0.0f);
    for (index_t g = 0; g < groups_; ++g) pack(s.layer, g);
    const index_t fit = std::clamp(kWindowFloats / windows_[0].depth(), kFewPixels, kPixels);
    most_rows_ = rows_for(pool_, std::max<index_t>(1, fit / width_));
  }

  index_t workspace() const override {
    const index_t pixels = most_rows_ * width_;
    return 4 * (windows_[0].floats(pixels) + pixels * (pool_ ? out_stored_ : 0));
  }

  std::string method() const override {
    if (planes_) return "direct, from planes";
    return windows_[0].own() ? "matrix product" : "direct";
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
  void pack(const Layer& layer, index_t group) {
    const index_t taps = window_.kernel_h * window_.kernel_w, real = from_.channels / groups_;
    const float* weight = layer.weight.data() + group * outputs_ * real * taps;
    panels_.emplace_back(kernels_.gemm_f32, windows_[0].depth(), outputs_,
                         groups_ == 1 ? out_stored_ : outputs_, [&](index_t p, index_t j) {
                           const index_t c = planes_ ? p / taps : p % inputs_,
                                         tap = planes_ ? p % taps : p / inputs_;
                           return c < real ? weight[(j * real + c) * taps + tap] : 0.0f;
                         });
  }

  void compute(const StepData& d, const ConvPiece& p) const {
    const Workspaces::Piece work(*d.work);
    const index_t pixels = p.count * width_, start = p.first * width_ * out_stored_;
    float* sums = pool_ ? work.data() + windows_[0].floats(most_rows_ * width_) : d.out() + start;
    for (index_t g = 0; g < groups_; ++g) {
      const auto at = static_cast<std::size_t>(g);
      panels_[at].multiply(windows_[at].rows(d.in(), p.first, p.count, work.data()),
                           sums + g * outputs_, out_stored_, bias_.data() + g * outputs_, p.panel0,
                           p.panel1);
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
  index_t in_stored_, out_stored_, inputs_, outputs_, most_rows_;
  std::vector<WindowSource> windows_;  // per group
  std::vector<Panels> panels_;
};

}  // namespace

StepPtr make_direct_conv(const StepSource& s) { return std::make_unique<DirectConv>(s); }

}  // namespace tt::runtime
