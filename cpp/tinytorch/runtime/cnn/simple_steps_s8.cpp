// The steps of an int8 network that are not convolutions, and the choice among all.
#include <algorithm>
#include <vector>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/runtime/cnn/share.hpp"
#include "tinytorch/runtime/cnn/step_s8.hpp"

namespace tt::runtime {
namespace {

class Quantize final : public Step {
 public:
  explicit Quantize(const StepSourceS8& s)
      : table_(s.base.kernels.conv_s8),
        v_(s.base.to),
        to_(s.to),
        code_(s.base.kernels.gemm_s8.shape.code_bytes) {}
  std::string method() const override { return "to codes"; }

  void run(const StepData& d) const override {
    const index_t stored = v_.stored_channels(), area = v_.height * v_.width;
    share(d.images * v_.height, v_.width * stored, [&](index_t row) {
      const float* in = d.in() + row / v_.height * v_.channels * area + row % v_.height * v_.width;
      table_.quantize_row({in, area, v_.width, v_.channels, stored, 1.0f / to_.scale,
                           static_cast<float>(to_.zero),
                           d.output + row * v_.width * stored * code_});
    });
  }

 private:
  const kernels::ConvS8Table& table_;
  Value v_;
  CodeScale to_;
  index_t code_;
};

class MaxPoolS8 final : public Step {
 public:
  explicit MaxPoolS8(const StepSourceS8& s)
      : table_(s.base.kernels.conv_s8),
        w_(s.base.layer.window),
        to_(s.base.to),
        code_(s.base.kernels.gemm_s8.shape.code_bytes) {}
  std::string method() const override { return "int8 windows"; }

  void run(const StepData& d) const override {
    const index_t stored = to_.stored_channels(), line = w_.width * stored;
    share(d.images * to_.height, w_.kernel_h * line, [&](index_t row) {
      const index_t image = row / to_.height, y = row % to_.height;
      const std::byte* in = d.input + (image * w_.height + y * w_.stride_h) * line * code_;
      for (index_t x = 0; x < to_.width; ++x) {
        table_.max_window(in + x * w_.stride_w * stored * code_, line, stored,
                          static_cast<int>(w_.kernel_h), static_cast<int>(w_.kernel_w),
                          d.output + (row * to_.width + x) * stored * code_);
      }
    });
  }

 private:
  const kernels::ConvS8Table& table_;
  kernels::Window2d w_;
  Value to_;
  index_t code_;
};

class Join final : public Step {
 public:
  explicit Join(const StepSourceS8& s)
      : table_(s.base.kernels.conv_s8),
        size_(s.base.to.stored()),
        code_(s.base.kernels.gemm_s8.shape.code_bytes) {
    const double to = s.to.scale, a = s.from.scale / to, b = s.residual.scale / to;
    const bool joined = s.base.layer.residual >= 0;
    join_.a_scale = static_cast<float>(a), join_.b_scale = static_cast<float>(b);
    join_.offset =
        static_cast<float>(s.to.zero - a * s.from.zero - (joined ? b * s.residual.zero : 0.0));
    join_.low = s.base.layer.relu ? static_cast<float>(s.to.zero) : 0.0f;
    join_.high = static_cast<float>(s.to.highest);
  }
  std::string method() const override { return "int8, in one pass"; }

  void run(const StepData& d) const override {
    share(d.images, size_, [&](index_t n) {
      kernels::JoinCodes j = join_;
      const index_t start = n * size_ * code_;
      j.a = d.input + start, j.out = d.output + start;
      if (d.residual != nullptr) j.b = d.residual + start;
      j.count = size_;
      table_.join(j);
    });
  }

 private:
  const kernels::ConvS8Table& table_;
  index_t size_, code_;
  kernels::JoinCodes join_;
};

class AverageS8 final : public Step {
 public:
  explicit AverageS8(const StepSourceS8& s)
      : table_(s.base.kernels.conv_s8),
        from_(s.base.from),
        codes_(s.from),
        code_(s.base.kernels.gemm_s8.shape.code_bytes) {}
  std::string method() const override { return "sums of codes"; }

  void run(const StepData& d) const override {
    const index_t area = from_.height * from_.width, stored = from_.stored_channels();
    share(d.images, from_.stored(), [&](index_t n) {
      table_.average(d.input + n * from_.stored() * code_, area, stored,
                     static_cast<float>(codes_.zero), codes_.scale / static_cast<float>(area),
                     d.out() + n * stored);
    });
  }

 private:
  const kernels::ConvS8Table& table_;
  Value from_;
  CodeScale codes_;
  index_t code_;
};

// Codes to floats, then the float layer.
class LinearOfCodes final : public Step {
 public:
  explicit LinearOfCodes(const StepSourceS8& s)
      : table_(s.base.kernels.conv_s8),
        size_(s.base.from.stored()),
        codes_(s.from),
        code_(s.base.kernels.gemm_s8.shape.code_bytes),
        batch_(s.base.batch),
        linear_(make_step(s.base)) {}
  std::string method() const override { return "floats"; }
  index_t workspace() const override { return 4 * size_ * batch_; }

  void run(const StepData& d) const override {
    const Workspaces::Piece work(*d.work);
    // A pool over one pixel takes codes to floats.
    share(d.images, size_, [&](index_t n) {
      table_.average(d.input + n * size_ * code_, 1, size_, static_cast<float>(codes_.zero),
                     codes_.scale, work.data() + n * size_);
    });
    StepData floats = d;
    floats.input = work.bytes();
    linear_->run(floats);
  }

 private:
  const kernels::ConvS8Table& table_;
  index_t size_;
  CodeScale codes_;
  index_t code_, batch_;
  StepPtr linear_;
};

}  // namespace

bool gives_codes(const Layer& layer) {
  return layer.kind != Layer::Kind::average_pool && layer.kind != Layer::Kind::linear;
}

StepPtr make_step_s8(const StepSourceS8& s) {
  const Layer& layer = s.base.layer;
  if (layer.kind == Layer::Kind::to_channels_last) return std::make_unique<Quantize>(s);
  if (!s.from_codes) {
    if (layer.kind == Layer::Kind::conv) {
      fail<ValueError>("'", layer.name,
                       "': in int8, what follows a pool over the whole image or a "
                       "linear layer is computed in floats, and a convolution is not; "
                       "use precision 'f32'");
    }
    return make_step(s.base);
  }
  switch (layer.kind) {
    case Layer::Kind::conv:
      return make_conv_s8(s);
    case Layer::Kind::max_pool:
      return std::make_unique<MaxPoolS8>(s);
    case Layer::Kind::average_pool:
      return std::make_unique<AverageS8>(s);
    case Layer::Kind::linear:
      return std::make_unique<LinearOfCodes>(s);
    default:
      return std::make_unique<Join>(s);
  }
}

}  // namespace tt::runtime
