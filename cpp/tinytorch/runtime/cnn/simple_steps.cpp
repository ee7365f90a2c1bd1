// Steps that are more moving than computing, the linear layer, and the choice among all steps.
#include <algorithm>
#include <cstring>
#include <vector>

#include "tinytorch/kernels/gemm_f32/panels.hpp"
#include "tinytorch/runtime/cnn/share.hpp"
#include "tinytorch/runtime/cnn/step.hpp"

namespace tt::runtime {
namespace {

class ToChannelsLast final : public Step {
 public:
  explicit ToChannelsLast(const StepSource& s) : v_(s.to) {}
  std::string method() const override { return "copy"; }

  void run(const StepData& d) const override {
    const index_t stored = v_.stored_channels(), area = v_.height * v_.width;
    share(d.images * v_.height, v_.width * stored, [&](index_t row) {
      const float* in = d.in() + row / v_.height * v_.channels * area + row % v_.height * v_.width;
      float* out = d.out() + row * v_.width * stored;
      for (index_t x = 0; x < v_.width; ++x, out += stored) {
        for (index_t c = 0; c < v_.channels; ++c) out[c] = in[c * area + x];
        std::fill(out + v_.channels, out + stored, 0.0f);
      }
    });
  }

 private:
  Value v_;
};

class MaxPool final : public Step {
 public:
  explicit MaxPool(const StepSource& s)
      : table_(s.kernels.conv_f32), w_(s.layer.window), to_(s.to) {}
  std::string method() const override { return "windows"; }

  void run(const StepData& d) const override {
    const index_t stored = to_.stored_channels(), line = w_.width * stored;
    share(d.images * to_.height, w_.kernel_h * line, [&](index_t row) {
      const index_t image = row / to_.height, y = row % to_.height;
      const float* in = d.in() + (image * w_.height + y * w_.stride_h) * line;
      for (index_t x = 0; x < to_.width; ++x) {
        table_.max_window({in + x * w_.stride_w * stored, line, stored,
                           static_cast<int>(w_.kernel_h), static_cast<int>(w_.kernel_w),
                           d.out() + (row * to_.width + x) * stored});
      }
    });
  }

 private:
  const kernels::ConvF32Table& table_;
  kernels::Window2d w_;
  Value to_;
};

class AveragePool final : public Step {
 public:
  explicit AveragePool(const StepSource& s) : table_(s.kernels.conv_f32), from_(s.from) {}
  std::string method() const override { return "sums"; }

  void run(const StepData& d) const override {
    const index_t area = from_.height * from_.width, stored = from_.stored_channels();
    share(d.images, from_.stored(), [&](index_t n) {
      table_.average(d.in() + n * from_.stored(), area, stored, 1.0f / static_cast<float>(area),
                     d.out() + n * stored);
    });
  }

 private:
  const kernels::ConvF32Table& table_;
  Value from_;
};

class Pointwise final : public Step {
 public:
  explicit Pointwise(const StepSource& s)
      : table_(s.kernels.conv_f32), size_(s.to.stored()), relu_(s.layer.relu) {}
  std::string method() const override { return "in one pass"; }

  void run(const StepData& d) const override {
    share(d.images, size_, [&](index_t n) {
      const float* residual = d.add() != nullptr ? d.add() + n * size_ : nullptr;
      table_.finish({d.in() + n * size_, residual, d.out() + n * size_, size_, relu_});
    });
  }

 private:
  const kernels::ConvF32Table& table_;
  index_t size_;
  bool relu_;
};

class Linear final : public Step {
 public:
  explicit Linear(const StepSource& s)
      : table_(s.kernels.conv_f32),
        depth_(s.from.stored()),
        out_(s.to.stored_channels()),
        relu_(s.layer.relu),
        bias_(s.layer.bias) {
    bias_.resize(static_cast<std::size_t>(out_), 0.0f);
    const index_t stored = s.from.stored_channels(), area = s.from.height * s.from.width;
    const index_t channels = s.from.channels;
    weight_ =
        kernels::Panels(s.kernels.gemm_f32, depth_, s.to.channels, out_, [&](index_t p, index_t j) {
          const index_t c = p % stored, pixel = p / stored;
          return c < channels
                     ? s.layer.weight[static_cast<std::size_t>((j * channels + c) * area + pixel)]
                     : 0.0f;
        });
  }
  std::string method() const override { return "matrix product"; }

  void run(const StepData& d) const override {
    share(weight_.count(), depth_ * weight_.width(), [&](index_t panel) {
      weight_.multiply({d.in(), depth_, 1, d.images}, d.out(), out_, bias_.data(), panel,
                       panel + 1);
    });
    if (relu_) table_.finish({d.out(), nullptr, d.out(), d.images * out_, true});
  }

 private:
  const kernels::ConvF32Table& table_;
  index_t depth_, out_;
  bool relu_;
  std::vector<float> bias_;
  kernels::Panels weight_;
};

class DepthwiseConv final : public Step {
 public:
  explicit DepthwiseConv(const StepSource& s)
      : table_(s.kernels.conv_f32),
        w_(s.layer.window),
        stored_(s.to.stored_channels()),
        relu_(s.layer.relu),
        bias_(s.layer.bias) {
    const index_t taps = w_.kernel_h * w_.kernel_w, channels = s.to.channels;
    bias_.resize(static_cast<std::size_t>(stored_), 0.0f);
    weights_.assign(static_cast<std::size_t>(taps * stored_), 0.0f);
    for (index_t i = 0; i < channels * taps; ++i) {
      weights_[static_cast<std::size_t>(i % taps * stored_ + i / taps)] =
          s.layer.weight[static_cast<std::size_t>(i)];
    }
  }
  std::string method() const override { return "channel by channel"; }

  void run(const StepData& d) const override {
    const index_t height = w_.out_height(), width = w_.out_width(), line = width * stored_;
    share(d.images * height, line * w_.kernel_h * w_.kernel_w, [&](index_t row) {
      const index_t image = row / height, y = row % height;
      float* out = d.out() + row * line;
      table_.depthwise_row({d.in() + image * w_.height * w_.width * stored_, w_.height, w_.width,
                            stored_, y * w_.stride_h - w_.pad_h, -w_.pad_w, w_.kernel_h,
                            w_.kernel_w, w_.stride_w, w_.dilation_h, w_.dilation_w, weights_.data(),
                            bias_.data(), out, width});
      const float* residual = d.add() != nullptr ? d.add() + row * line : nullptr;
      if (residual != nullptr || relu_) table_.finish({out, residual, out, line, relu_});
    });
  }

 private:
  const kernels::ConvF32Table& table_;
  kernels::Window2d w_;
  index_t stored_;
  bool relu_;
  std::vector<float> weights_, bias_;
};

}  // namespace

StepPtr make_step(const StepSource& s) {
  switch (s.layer.kind) {
    case Layer::Kind::conv:
      if (s.layer.depthwise(s.from, s.to)) return std::make_unique<DepthwiseConv>(s);
      return prefers_winograd(s) ? make_winograd_conv(s) : make_direct_conv(s);
    case Layer::Kind::max_pool:
      return std::make_unique<MaxPool>(s);
    case Layer::Kind::average_pool:
      return std::make_unique<AveragePool>(s);
    case Layer::Kind::linear:
      return std::make_unique<Linear>(s);
    case Layer::Kind::to_channels_last:
      return std::make_unique<ToChannelsLast>(s);
    case Layer::Kind::pointwise:
      break;
  }
  return std::make_unique<Pointwise>(s);
}

}  // namespace tt::runtime
