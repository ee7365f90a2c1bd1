// 3 x 3 convolution at stride 1 by Winograd's F(4x4, 3x3), tiles in blocks whose transforms stay in
// the second-level cache.
#include <algorithm>
#include <vector>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/conv_f32/winograd.hpp"
#include "tinytorch/kernels/packed_panels.hpp"
#include "tinytorch/runtime/cnn/step.hpp"

namespace tt::runtime {
namespace {

constexpr index_t kPieces = 4;

class WinogradConv final : public Step {
 public:
  explicit WinogradConv(const StepSource& s)
      : kernels_{s.kernels.conv_f32, s.kernels.gemm_f32},
        relu_(s.layer.relu),
        pool_(s.layer.pool),
        bias_(s.layer.bias) {
    shape_.height = s.from.height, shape_.width = s.from.width;
    shape_.pad = s.layer.window.pad_h;
    shape_.in = s.from.stored_channels(), shape_.out = s.to.stored_channels();
    bias_.resize(static_cast<std::size_t>(shape_.out), 0.0f);
    block_ = kernels::winograd_block(kernels_, shape_);
    pack(s);
  }

  index_t workspace() const override { return 4 * kernels::winograd_workspace(block_, shape_); }
  std::string method() const override { return "winograd 4x4"; }

  void run(const StepData& d) const override {
    kernels::WinogradCall<float> call;
    call.shape = shape_, call.shape.images = d.images;
    call.x = d.in(), call.residual = d.add(), call.y = d.out();
    call.weights = weights_.data();
    call.bias = bias_.data(), call.relu = relu_, call.pool = pool_;
    const index_t tiles = call.shape.tiles();
    index_t blocks = (tiles + block_ - 1) / block_;
    if (blocks < kPieces) blocks = std::clamp(tiles / kernels_.gemm.mr, blocks, kPieces);
    parallel_for(blocks, 1, [&](index_t begin, index_t end) {
      const Workspaces::Piece work(*d.work);
      for (index_t i = begin; i < end; ++i) {
        kernels::winograd_tiles(kernels_, call, tiles * i / blocks, tiles * (i + 1) / blocks,
                                work.data());
      }
    });
  }

 private:
  void pack(const StepSource& s) {
    const index_t inputs = s.from.channels, outputs = s.to.channels;
    std::vector<float> taps(static_cast<std::size_t>(9 * shape_.in * shape_.out), 0.0f);
    for (index_t o = 0; o < outputs; ++o) {
      for (index_t i = 0; i < inputs * 9; ++i) {
        const index_t place = (i % 9 * shape_.in + i / 9) * shape_.out + o;
        taps[static_cast<std::size_t>(place)] =
            s.layer.weight[static_cast<std::size_t>(o * inputs * 9 + i)];
      }
    }
    const index_t bytes = kernels::winograd_packed_bytes(kernels_, shape_.in, shape_.out);
    weights_ = kernels::PageBuffer(static_cast<std::size_t>(bytes));
    kernels::winograd_pack(kernels_, taps.data(), shape_.in, shape_.out, weights_.data());
  }

  kernels::WinogradKernels kernels_;
  kernels::WinogradShape shape_;  // of one image
  bool relu_, pool_;
  std::vector<float> bias_;
  index_t block_;  // tiles at once
  kernels::PageBuffer weights_;
};

}  // namespace

// Winograd needs a quarter of the multiplications and four times the weights: with few tiles per
// call, reading those takes longer than what it saves.
bool prefers_winograd(const StepSource& s) {
  const kernels::Window2d& w = s.layer.window;
  if (!kernels::winograd_fits(w) || s.layer.groups > 1 || s.planes) return false;
  const index_t tiles = s.batch * ((w.out_height() + 3) / 4) * ((w.out_width() + 3) / 4);
  return tiles >= 12;
}

StepPtr make_winograd_conv(const StepSource& s) { return std::make_unique<WinogradConv>(s); }

}  // namespace tt::runtime
