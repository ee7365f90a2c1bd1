// 3 x 3 convolution at stride 1 by Winograd's F(4x4, 3x3), tiles in blocks whose transforms stay in
// the second-level cache.
#include <algorithm>
#include <vector>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/conv_f32/reference.hpp"
#include "tinytorch/runtime/cnn/panels.hpp"
#include "tinytorch/runtime/cnn/step.hpp"

namespace tt::runtime {
namespace {

constexpr index_t kTile = kernels::kWinogradTile, kCount = kernels::kWinogradCount;
constexpr index_t kBlockFloats = 160 * 1024;  // of transformed tiles
constexpr index_t kPad = 16;  // floats between positions, so that they do not share cache sets
constexpr index_t kPieces = 4;

class WinogradConv final : public Step {
 public:
  explicit WinogradConv(const StepSource& s)
      : kernels_(s.kernels),
        height_(s.from.height),
        width_(s.from.width),
        pad_(s.layer.window.pad_h),
        out_height_(s.layer.window.out_height()),
        out_width_(s.layer.window.out_width()),
        in_(s.from.stored_channels()),
        out_(s.to.stored_channels()),
        relu_(s.layer.relu),
        pool_(s.layer.pool),
        bias_(s.layer.bias) {
    bias_.resize(static_cast<std::size_t>(out_), 0.0f);
    down_ = (out_height_ + kTile - 1) / kTile, across_ = (out_width_ + kTile - 1) / kTile;
    const index_t mr = kernels_.gemm_f32.mr;
    const index_t fit = kBlockFloats / (kCount * (in_ + out_));
    block_ = std::clamp<index_t>(fit, 28, 56) / mr * mr;
    pack(s);
  }

  index_t workspace() const override { return 4 * kCount * (block_ * (in_ + out_) + 2 * kPad); }
  std::string method() const override { return "winograd 4x4"; }

  void run(const StepData& d) const override {
    const index_t tiles = d.images * down_ * across_;
    const index_t mr = kernels_.gemm_f32.mr;
    index_t blocks = (tiles + block_ - 1) / block_;
    if (blocks < kPieces) blocks = std::clamp(tiles / mr, blocks, kPieces);
    parallel_for(blocks, 1, [&](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i) {
        block(d, tiles * i / blocks, tiles * (i + 1) / blocks);
      }
    });
  }

 private:
  void pack(const StepSource& s) {
    const index_t inputs = s.from.channels, outputs = s.to.channels;
    std::vector<float> moved(static_cast<std::size_t>(inputs * outputs * kCount));
    for (index_t i = 0; i < inputs * outputs; ++i) {
      kernels::reference::winograd_weights(s.layer.weight.data() + i * 9,
                                           moved.data() + i * kCount);
    }
    for (index_t p = 0; p < kCount; ++p) {
      weights_.emplace_back(kernels_.gemm_f32, in_, outputs, out_, [&](index_t c, index_t j) {
        return c < inputs ? moved[static_cast<std::size_t>((j * inputs + c) * kCount + p)] : 0.0f;
      });
    }
  }

  struct Place {
    index_t image, y, x;  // of the tile's first result
  };
  Place place(index_t tile) const {
    const index_t in_image = tile % (down_ * across_);
    return {tile / (down_ * across_), in_image / across_ * kTile, in_image % across_ * kTile};
  }

  // Tiles [first, last), counted over all images.
  void block(const StepData& d, index_t first, index_t last) const {
    const Workspaces::Piece work(*d.work);
    const index_t count = last - first;
    const index_t in_step = count * in_ + kPad, out_step = count * out_ + kPad;
    float* moved = work.data();
    float* sums = moved + kCount * in_step;
    for (index_t t = 0; t < count; ++t) {
      const Place at = place(first + t);
      kernels_.conv_f32.winograd_input({d.in() + at.image * height_ * width_ * in_, height_, width_,
                                        in_, at.y - pad_, at.x - pad_, moved + t * in_, in_step});
    }
    for (index_t p = 0; p < kCount; ++p) {
      const Panels& w = weights_[static_cast<std::size_t>(p)];
      w.multiply({moved + p * in_step, in_, 1, count}, sums + p * out_step, out_, nullptr, 0,
                 w.count());
    }
    for (index_t t = 0; t < count; ++t) put(d, place(first + t), sums + t * out_, out_step);
  }

  void put(const StepData& d, const Place& at, const float* sums, index_t step) const {
    kernels::WinogradOutput w;
    w.sums = sums, w.step = step, w.channels = out_, w.bias = bias_.data();
    w.rows = static_cast<int>(std::min(kTile, out_height_ - at.y));
    w.cols = static_cast<int>(std::min(kTile, out_width_ - at.x));
    w.relu = relu_, w.pool = pool_;
    if (d.add() != nullptr) {
      w.residual_row = out_width_ * out_;
      w.residual = d.add() + ((at.image * out_height_ + at.y) * out_width_ + at.x) * out_;
    }
    const index_t shrink = pool_ ? 2 : 1, height = out_height_ / shrink,
                  width = out_width_ / shrink;
    w.out_row = width * out_;
    w.out = d.out() + ((at.image * height + at.y / shrink) * width + at.x / shrink) * out_;
    kernels_.conv_f32.winograd_output(w);
  }

  const kernels::Table& kernels_;
  index_t height_, width_, pad_, out_height_, out_width_, in_, out_;
  bool relu_, pool_;
  std::vector<float> bias_;
  index_t down_, across_, block_;  // tiles per column and row of an image, tiles at once
  std::vector<Panels> weights_;    // per position
};

}  // namespace

// Winograd needs a quarter of the multiplications and four times the weights: with few tiles per
// call, reading those takes longer than what it saves.
bool prefers_winograd(const StepSource& s) {
  const kernels::Window2d& w = s.layer.window;
  const bool possible = w.kernel_h == 3 && w.kernel_w == 3 && w.stride_h == 1 && w.stride_w == 1 &&
                        w.dilation_h == 1 && w.dilation_w == 1 && s.layer.groups == 1 && !s.planes;
  if (!possible) return false;
  const index_t tiles = s.batch * ((w.out_height() + 3) / 4) * ((w.out_width() + 3) / 4);
  return tiles >= 12;
}

StepPtr make_winograd_conv(const StepSource& s) { return std::make_unique<WinogradConv>(s); }

}  // namespace tt::runtime
