// Convolution of codes whose filters come in mirror pairs (models/mirror.py): the sum and the
// difference of a pair's results take half the products that the two take (kernels/conv_s8).
#include <cstring>
#include <vector>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/quant/per_channel.hpp"
#include "tinytorch/runtime/cnn/conv_cut.hpp"
#include "tinytorch/runtime/cnn/conv_rows.hpp"
#include "tinytorch/runtime/cnn/conv_s8.hpp"

namespace tt::runtime {
namespace {

constexpr index_t kFewPixels = 32;  // that still make good use of a panel

// Weights (out, in, kernel_h, kernel_w) of filters in pairs.
struct PairWeights {
  PairWeights(const Layer& layer, const Value& from, const Value& to)
      : w(layer.weight.data()),
        window(layer.window),
        inputs(from.channels),
        outputs(to.channels),
        taps(window.kernel_h * window.kernel_w) {}

  float at(index_t o, index_t i, index_t tap) const { return w[(o * inputs + i) * taps + tap]; }
  index_t mirrored(index_t tap) const {
    return tap / window.kernel_w * window.kernel_w + window.kernel_w - 1 - tap % window.kernel_w;
  }
  // What the partner of filter o has at the partner of channel i, in the mirror image.
  float partner(index_t o, index_t i, index_t tap) const {
    return at(o, (i + inputs / 2) % inputs, mirrored(tap));
  }

  // Rows of (kernel_h, kernel_w, in / 2): the weights of P and of Q, of pair after pair.
  Array of_sums_and_differences() const {
    const index_t half = inputs / 2;
    const Array rows = Array::empty({outputs, taps * half});
    auto* row = rows.data<float>();
    for (index_t o = 0; o < outputs; ++o, row += taps * half) {
      const float sign = o % 2 == 0 ? 1.0f : -1.0f;
      for (index_t k = 0; k < taps * half; ++k) {
        const index_t i = k % half, tap = k / half;
        row[k] = at(o / 2, i, tap) + sign * partner(o / 2, i, tap);
      }
    }
    return rows;
  }

  const float* w;
  const kernels::Window2d& window;
  index_t inputs, outputs, taps;
};

class ConvPairsS8 final : public Step {
 public:
  explicit ConvPairsS8(const StepSourceS8& s)
      : kernels_(s.base.kernels.conv_s8),
        window_(s.base.layer.window),
        pool_(s.base.layer.pool),
        code_(s.base.kernels.gemm_s8.shape.code_bytes),
        height_(window_.out_height()),
        width_(window_.out_width()),
        channels_(s.base.from.channels),
        outputs_(s.base.to.channels),
        rows_(window_, height_, width_ * pixel(), pool_) {
    set_weights(s);
    make_blank(s);
  }

  index_t workspace() const override { return rows_.starts_bytes() + rows_.lines_bytes(); }
  std::string method() const override { return "int8 lines, mirror pairs"; }

  void run(const StepData& d) const override {
    const ConvCut cut(d.images * height_, {width_, rows_.most(), kFewPixels, pool_, !pool_,
                                           weights_[0].panels(), outputs_});
    parallel_for(cut.pieces(), 1, [&](index_t begin, index_t end) {
      const Workspaces::Piece work(*d.work);
      for (index_t i = begin; i < end; ++i) convolve(d, cut.piece(i), work.bytes());
    });
  }

 private:
  index_t pixel() const { return window_.kernel_w * channels_ * code_; }  // bytes, of P and Q

  void set_weights(const StepSourceS8& s) {
    const auto count = static_cast<std::size_t>(outputs_);
    const quant::PerChannel rows = quant::quantize_per_channel(
        PairWeights(s.base.layer, s.base.from, s.base.to).of_sums_and_differences());
    const index_t depth = rows.q.shape(1);
    const auto* codes = rows.q.data<std::int8_t>();
    weights_.emplace_back(codes, outputs_, depth, s.base.kernels.gemm_s8, kernels_.line_shape);
    scale_.resize(count), offset_.resize(count);
    const double to = s.to.scale;
    for (index_t c = 0; c < outputs_; ++c) {  // half the sum, half the difference
      const double scale = 0.5 * s.from.scale * rows.scales.data<float>()[c];
      scale_[static_cast<std::size_t>(c)] = static_cast<float>(scale / to);
      const index_t pair = c / 2, filter = pair + c % 2 * (outputs_ / 2);
      // P stands for u - 2 zero where the kernels take u - 128.
      std::int64_t sum = 0;
      for (index_t k = 0; k < depth; ++k) sum += codes[2 * pair * depth + k];
      const double of_sums = 0.5 * s.from.scale * rows.scales.data<float>()[2 * pair];
      const double shift = of_sums * static_cast<double>((128 - 2 * s.from.zero) * sum);
      const double bias = s.base.layer.bias[static_cast<std::size_t>(filter)];
      double offset = (bias + shift) / to + s.to.zero;
      if (s.base.layer.residual >= 0) offset -= s.residual.scale / to * s.residual.zero;
      offset_[static_cast<std::size_t>(c)] = static_cast<float>(offset);
    }
    to_.scale = scale_.data(), to_.offset = offset_.data();
    to_.residual_scale = static_cast<float>(static_cast<double>(s.residual.scale) / to);
    to_.out_row = outputs_;
    to_.low = s.base.layer.relu ? static_cast<float>(s.to.zero) : 0.0f;
    to_.high = static_cast<float>(s.to.highest);
  }

  // What stands for 0: a pixel, and a line of its P and Q.
  void make_blank(const StepSourceS8& s) {
    blank_ = codes_of(s.from.zero, channels_ * code_, s.base.kernels.gemm_s8);
    blank_line_.resize(static_cast<std::size_t>(rows_.line()));
    kernels_.pair_line(
        {nullptr, blank_.data(), 0, channels_, 0, window_.kernel_w, width_, blank_line_.data()});
  }

  void convolve(const StepData& d, const ConvPiece& p, std::byte* work) const {
    auto** starts = reinterpret_cast<const std::byte**>(work);
    std::byte* to = work + rows_.starts_bytes();
    const index_t line = window_.width * channels_ * code_;
    rows_.find(p, starts, [&](index_t image, index_t top, index_t count) {
      const std::byte* first = to;
      const std::byte* from = d.input + image * window_.height * line;
      for (index_t y = top; y < top + count; ++y, to += rows_.line()) {
        const bool inside = y >= 0 && y < window_.height;
        make_line(inside ? from + y * line : nullptr, to);
      }
      return first;
    });
    kernels::PairLinesToCodes l;
    l.lines.product = weights_[0].product(nullptr, p.count, p.panel0, p.panel1);
    l.lines.starts = starts;
    l.lines.line = window_.dilation_h * rows_.line(), l.lines.pixel = pixel();
    l.lines.kernel_h = window_.kernel_h;
    l.lines.run_groups = l.lines.product.groups / window_.kernel_h;
    l.lines.width = width_, l.lines.pool = pool_;
    l.lines.to = to_codes(d, p);
    l.half = outputs_ / 2;
    kernels_.convolve_pairs(l);
  }

  // Of a line of an image; null: outside.
  void make_line(const std::byte* image, std::byte* to) const {
    if (image == nullptr) {
      std::memcpy(to, blank_line_.data(), blank_line_.size());
      return;
    }
    kernels_.pair_line({image, blank_.data(), window_.width, channels_, -window_.pad_w,
                        window_.kernel_w, width_, to});
  }

  kernels::Requantize to_codes(const StepData& d, const ConvPiece& p) const {
    const index_t column = p.panel0 * weights_[0].panel_width();
    const index_t line = width_ * outputs_ * code_, pair = column / 2 * code_;
    kernels::Requantize r = to_;
    r.channels = outputs_;
    r.scale += column, r.offset += column;
    if (d.residual != nullptr) r.residual = d.residual + p.first * line + pair;
    r.out = d.output + (pool_ ? p.first / 2 * (line / 2) : p.first * line) + pair;
    return r;
  }

  const kernels::ConvS8Table& kernels_;
  const kernels::Window2d window_;
  const bool pool_;
  const index_t code_, height_, width_, channels_, outputs_;  // height, width: before a pool
  ConvRows rows_;                                             // lines of P and Q
  std::vector<WeightsS8> weights_;
  std::vector<float> scale_, offset_;  // of P and Q, of the filters of a pair
  kernels::Requantize to_;
  std::vector<std::byte> blank_, blank_line_;
};

}  // namespace

bool has_mirror_pairs(const Layer& layer, const Value& from, const Value& to) {
  const kernels::Window2d& w = layer.window;
  if (layer.kind != Layer::Kind::conv || layer.groups != 1 || w.stride_w != 1 ||
      w.dilation_w != 1 || from.channels % kernels::kChannelBlock != 0 ||
      to.channels % kernels::kChannelBlock != 0) {
    return false;
  }
  const PairWeights weights(layer, from, to);
  for (index_t o = 0; o < to.channels / 2; ++o) {
    for (index_t i = 0; i < from.channels; ++i) {
      for (index_t tap = 0; tap < weights.taps; ++tap) {
        if (weights.at(o + to.channels / 2, i, tap) != weights.partner(o, i, tap)) return false;
      }
    }
  }
  return true;
}

StepPtr make_conv_pairs_s8(const StepSourceS8& s) { return std::make_unique<ConvPairsS8>(s); }

}  // namespace tt::runtime
