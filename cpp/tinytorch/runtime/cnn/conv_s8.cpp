// Convolution of codes as an integer matrix product: the windows of some rows of results are copied
// side by side, multiplied with packed weights, and the sums made codes again, all in the cache.
#include <algorithm>
#include <cmath>
#include <vector>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/quant/per_channel.hpp"
#include "tinytorch/runtime/cnn/conv_cut.hpp"
#include "tinytorch/runtime/cnn/step_s8.hpp"
#include "tinytorch/runtime/cnn/weights_s8.hpp"

namespace tt::runtime {
namespace {

using kernels::Window2d;

constexpr index_t kWindowBytes = 192 * 1024;  // windows copied at once
constexpr index_t kFewPixels = 16;            // that still make good use of a panel
constexpr index_t kSlack = kernels::WindowBytes::kOverrun;

// Weights of one group, as rows of (kernel_h, kernel_w, channels stored), and their scales.
class ConvS8 final : public Step {
 public:
  explicit ConvS8(const StepSourceS8& s)
      : kernels_(s.base.kernels),
        gemm_(s.base.kernels.gemm_s8),
        window_(s.base.layer.window),
        groups_(s.base.layer.groups),
        pool_(s.base.layer.pool),
        height_(window_.out_height()),
        width_(window_.out_width()),
        code_(gemm_.shape.code_bytes),
        in_stored_(s.base.from.stored_channels()),
        out_stored_(s.base.to.stored_channels()) {
    inputs_ = groups_ > 1 ? s.base.from.channels / groups_ : in_stored_;
    outputs_ = s.base.to.channels / groups_;
    pack(s);
    set_scales(s);
    pools_products_ = kernels_.conv_s8.pools_products && s.base.layer.residual < 0 &&
                      groups_ == 1 && out_stored_ % weights_[0].panel_width() == 0;
    // Tiles are fast enough to wait for windows that left the first cache: one block of them.
    const index_t mr = gemm_.shape.mr, most = mr > kFewPixels ? mr : 16 * mr;
    few_ = std::max(mr, kFewPixels);
    const index_t fit = std::clamp(kWindowBytes / weights_[0].row_bytes(), few_, most);
    most_rows_ = rows_for(pool_, std::max<index_t>(1, fit / width_));
    const auto run = static_cast<std::size_t>(window_.kernel_w * inputs_ * code_ + kSlack);
    blank_.assign(run, static_cast<std::byte>(blank_code(s.from.zero, 0)));
    if (code_ == 2) {
      for (std::size_t i = 1; i < run; i += 2) {
        blank_[i] = static_cast<std::byte>(blank_code(s.from.zero, 1));
      }
    }
  }

  index_t workspace() const override {
    const index_t pixels = most_rows_ * width_;
    return windows_bytes(pixels) + pixels * out_stored_ * 4;
  }
  std::string method() const override { return "int8"; }

  void run(const StepData& d) const override {
    const ConvCut cut(d.images * height_, {width_, most_rows_, few_, pool_, !pool_ && groups_ == 1,
                                           weights_[0].panels(), out_stored_});
    // Pieces that are computed in turn share what a product needs set up.
    constexpr index_t kPieces = ConvCut::kPieces;
    const index_t grain = std::clamp<index_t>(cut.pieces() / (2 * kPieces), 1, 4 * kPieces);
    parallel_for(cut.pieces(), grain, [&](index_t begin, index_t end) {
      const Workspaces::Piece work(*d.work);
      if (groups_ > 1 || (pool_ && !pools_products_)) {
        for (index_t i = begin; i < end; ++i) by_sums(d, cut.piece(i), work.bytes());
        return;
      }
      const auto next = [&](index_t i) { return product(d, cut.piece(begin + i), work.bytes()); };
      using Next = decltype(next);
      kernels_.conv_s8.multiply_to_codes(
          {end - begin, const_cast<void*>(static_cast<const void*>(&next)),
           [](void* context, std::int64_t i) { return (*static_cast<Next*>(context))(i); }});
    });
  }

 private:
  index_t windows_bytes(index_t pixels) const {
    return (pixels * weights_[0].row_bytes() + kSlack + 63) / 64 * 64;
  }
  int blank_code(int zero, int byte) const {
    const int code = zero - 128 + gemm_.zero_code;
    return (code >> (8 * byte)) & 255;
  }

  void pack(const StepSourceS8& s) {
    const Layer& layer = s.base.layer;
    const index_t taps = window_.kernel_h * window_.kernel_w;
    const index_t real = s.base.from.channels / groups_, depth = taps * inputs_;
    const quant::PerChannel q =
        quant::quantize_per_channel(Array::from(layer.weight, {s.base.to.channels, real * taps}));
    weight_scales_.assign(q.scales.data<float>(), q.scales.data<float>() + s.base.to.channels);
    // With one group, rows of zeros fill the results up to whole blocks.
    const index_t rows = groups_ == 1 ? out_stored_ : outputs_;
    sums_.assign(static_cast<std::size_t>(out_stored_), 0);
    for (index_t g = 0; g < groups_; ++g) {
      std::vector<std::int8_t> w(static_cast<std::size_t>(rows * depth), 0);
      for (index_t o = 0; o < outputs_; ++o) {
        const index_t out = g * outputs_ + o;
        for (index_t i = 0; i < real * taps; ++i) {
          const std::int8_t value = q.q.data<std::int8_t>()[out * real * taps + i];
          w[static_cast<std::size_t>(o * depth + i % taps * inputs_ + i / taps)] = value;
          sums_[static_cast<std::size_t>(out)] += value;
        }
      }
      weights_.emplace_back(w.data(), rows, depth, gemm_);
    }
  }

  // From sums of (u - 128) w to codes: scale and offset per channel (kernels/conv_s8).
  void set_scales(const StepSourceS8& s) {
    scale_.assign(static_cast<std::size_t>(out_stored_), 1.0f);
    offset_.assign(static_cast<std::size_t>(out_stored_), static_cast<float>(s.to.zero));
    const double to = s.to.scale, from = s.from.scale;
    for (std::size_t c = 0; c < weight_scales_.size(); ++c) {
      const double scale = from * static_cast<double>(weight_scales_[c]);
      const double shift = scale * (128 - s.from.zero) * sums_[c];
      double offset = (static_cast<double>(s.base.layer.bias[c]) + shift) / to + s.to.zero;
      if (s.base.layer.residual >= 0) offset -= s.residual.scale / to * s.residual.zero;
      scale_[c] = static_cast<float>(scale / to);
      offset_[c] = static_cast<float>(offset);
    }
    residual_scale_ = static_cast<float>(static_cast<double>(s.residual.scale) / to);
    low_ = s.base.layer.relu ? static_cast<float>(s.to.zero) : 0.0f;
  }

  // Fills `work` with windows; the product that makes codes of them.
  kernels::ProductToCodes product(const StepData& d, const ConvPiece& p, std::byte* work) const {
    const index_t width = weights_[0].panel_width();
    copy_windows(d, p.first, p.count, 0, pool_, work);
    return {weights_[0].product(work, p.count * width_, p.panel0, p.panel1),
            requantize(d, p.first, p.panel0 * width, std::min(p.panel1 * width, out_stored_)),
            pool_};
  }

  // Sums first, codes then. Every group has sums of its own columns.
  void by_sums(const StepData& d, const ConvPiece& p, std::byte* work) const {
    const index_t pixels = p.count * width_, used = groups_ * outputs_;
    std::int32_t* sums = sums_in(work);
    for (index_t g = 0; g < groups_; ++g) {
      const WeightsS8& weights = weights_[static_cast<std::size_t>(g)];
      copy_windows(d, p.first, p.count, g, false, work);
      gemm_.multiply(weights.product(work, pixels, 0, weights.panels()), sums + g * outputs_,
                     out_stored_);
    }
    for (index_t i = 0; groups_ > 1 && i < pixels; ++i) {
      std::fill_n(sums + i * out_stored_ + used, out_stored_ - used, 0);
    }
    finish(requantize(d, p.first, 0, out_stored_), sums, p.count);
  }

  std::int32_t* sums_in(std::byte* work) const {
    return reinterpret_cast<std::int32_t*>(work + windows_bytes(most_rows_ * width_));
  }

  // With `squares`, in the order that multiply_to_codes pools.
  void copy_windows(const StepData& d, index_t first, index_t count, index_t group, bool squares,
                    std::byte* out) const {
    kernels::WindowBytes w;
    w.height = window_.height, w.width = window_.width;
    w.pixel_step = in_stored_ * code_, w.pixel = inputs_ * code_;
    w.line = w.width * w.pixel_step;
    w.left = -window_.pad_w;
    w.kernel_h = window_.kernel_h, w.kernel_w = window_.kernel_w;
    w.stride = window_.stride_w;
    w.dilation_h = window_.dilation_h, w.dilation_w = window_.dilation_w;
    w.count = width_;
    w.blank = blank_.data();
    w.out_row = weights_[0].row_bytes();
    for (index_t i = 0; i < count; ++i) {
      const index_t n = (first + i) / height_, y = (first + i) % height_;
      w.image = d.input + n * w.height * w.line + group * w.pixel;
      w.top = y * window_.stride_h - window_.pad_h;
      if (squares) {
        copy_squares(w, out + (i / 2 * width_ * 2 + i % 2) * w.out_row);
        continue;
      }
      w.out = out + i * width_ * w.out_row;
      kernels_.conv_s8.copy_windows(w);
    }
  }

  // One row of results, of which neighbours in a 2 x 2 square are four rows in turn.
  void copy_squares(kernels::WindowBytes w, std::byte* out) const {
    const index_t row = w.out_row, left = w.left;
    w.count = width_ / 2, w.stride = 2 * window_.stride_w;
    w.out_row = 4 * row;
    for (index_t right = 0; right < 2; ++right) {
      w.left = left + right * window_.stride_w;
      w.out = out + right * 2 * row;
      kernels_.conv_s8.copy_windows(w);
    }
  }

  // What becomes of rows of sums from `first` on, columns [from, to).
  kernels::Requantize requantize(const StepData& d, index_t first, index_t from, index_t to) const {
    kernels::Requantize r;
    r.sums_row = out_stored_, r.channels = to - from;
    r.scale = scale_.data() + from, r.offset = offset_.data() + from;
    r.residual_scale = residual_scale_;
    r.out_row = out_stored_;
    r.low = low_;
    const index_t line = width_ * out_stored_ * code_;
    if (d.residual != nullptr) r.residual = d.residual + first * line + from * code_;
    r.out = d.output + (pool_ ? first / 2 * (line / 2) : first * line) + from * code_;
    return r;
  }

  void finish(kernels::Requantize r, const std::int32_t* sums, index_t count) const {
    r.sums = sums;
    r.pixels = count * width_;
    if (!pool_) return kernels_.conv_s8.requantize(r);
    const index_t line = width_ * out_stored_, bytes = line * code_;
    r.pixels = width_;
    for (index_t i = 0; i < count; i += 2) {
      kernels_.conv_s8.requantize_pooled({r, line, line});
      r.sums += 2 * line;
      if (r.residual != nullptr) {
        r.residual = static_cast<const std::byte*>(r.residual) + 2 * bytes;
      }
      r.out = static_cast<std::byte*>(r.out) + bytes / 2;
    }
  }

  const kernels::Table& kernels_;
  const kernels::GemmS8Table& gemm_;
  Window2d window_;
  index_t groups_;
  bool pool_, pools_products_ = false;
  index_t height_, width_, code_, in_stored_, out_stored_, inputs_ = 0, outputs_ = 0;
  index_t most_rows_ = 1, few_ = 1;
  std::vector<WeightsS8> weights_;  // per group
  std::vector<float> weight_scales_, scale_, offset_;
  std::vector<std::int32_t> sums_;  // of each output's weights
  float residual_scale_ = 0.0f, low_ = 0.0f;
  std::vector<std::byte> blank_;  // pixels that stand for 0
};

}  // namespace

StepPtr make_conv_s8(const StepSourceS8& s) { return std::make_unique<ConvS8>(s); }

}  // namespace tt::runtime
