// Convolution of codes whose windows are read where they lie: lines of pixels are copied once, with
// what stands for 0 on both sides, or not at all where windows stay inside the image.
#include <algorithm>
#include <cstring>
#include <vector>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/runtime/cnn/conv_cut.hpp"
#include "tinytorch/runtime/cnn/conv_rows.hpp"
#include "tinytorch/runtime/cnn/conv_s8.hpp"

namespace tt::runtime {
namespace {

constexpr index_t kFewPixels = 32;  // that still make good use of a panel

// A line of `taken` pixels whose first is pixel -pad of one of an image; the rest is blank.
struct PaddedLine {
  index_t pixel, width, pad, taken;  // pixel: bytes

  index_t bytes() const { return taken * pixel; }
  void copy(const std::byte* line, const std::byte* blank, std::byte* to) const {
    const auto size = [](index_t n) { return static_cast<std::size_t>(n); };
    const index_t left = std::min(pad, taken) * pixel;
    const index_t inside = std::clamp<index_t>(taken - pad, 0, width) * pixel;
    std::memcpy(to, blank, size(left));
    std::memcpy(to + left, line, size(inside));
    std::memcpy(to + left + inside, blank, size(bytes() - left - inside));
  }
};

class ConvLinesS8 final : public Step {
 public:
  explicit ConvLinesS8(const StepSourceS8& s)
      : conv_(s, s.base.kernels.conv_s8.line_shape),
        window_(conv_.window),
        padded_{conv_.in_stored * conv_.code, window_.width, window_.pad_w,
                (conv_.width - 1) * window_.stride_w + window_.kernel_w},
        inside_(window_.pad_h == 0 && window_.pad_w == 0),
        rows_(window_, conv_.height, inside_ ? image_line() : padded_.bytes(), conv_.pool) {
    if (!inside_) blank_ = conv_.blank(padded_.bytes());
  }

  index_t workspace() const override {
    return rows_.starts_bytes() + (inside_ ? 0 : rows_.lines_bytes());
  }
  std::string method() const override { return "int8 lines"; }

  void run(const StepData& d) const override {
    const ConvCut cut(d.images * conv_.height,
                      {conv_.width, rows_.most(), kFewPixels, conv_.pool, !conv_.pool,
                       conv_.weights(0).panels(), conv_.out_stored});
    parallel_for(cut.pieces(), 1, [&](index_t begin, index_t end) {
      const Workspaces::Piece work(*d.work);
      for (index_t i = begin; i < end; ++i) convolve(d, cut.piece(i), work.bytes());
    });
  }

 private:
  index_t image_line() const { return padded_.width * padded_.pixel; }

  void convolve(const StepData& d, const ConvPiece& p, std::byte* work) const {
    const WeightsS8& weights = conv_.weights(0);
    const index_t panel = weights.panel_width();
    auto** starts = reinterpret_cast<const std::byte**>(work);
    std::byte* to = work + rows_.starts_bytes();
    rows_.find(p, starts, [&](index_t image, index_t top, index_t count) {
      const std::byte* from = d.input + image * window_.height * image_line();
      if (inside_) return from + top * image_line();
      const std::byte* first = to;
      for (index_t y = top; y < top + count; ++y, to += rows_.line()) copy_line(from, y, to);
      return first;
    });
    kernels::LinesToCodes l;
    l.product = weights.product(nullptr, p.count, p.panel0, p.panel1);
    l.starts = starts;
    l.line = window_.dilation_h * rows_.line(), l.pixel = window_.stride_w * padded_.pixel;
    l.kernel_h = window_.kernel_h, l.run_groups = l.product.groups / window_.kernel_h;
    l.width = conv_.width;
    l.to = conv_.requantize(d, p.first, p.panel0 * panel,
                            std::min(p.panel1 * panel, conv_.out_stored));
    l.pool = conv_.pool;
    conv_.kernels.conv_s8.convolve_lines(l);
  }

  // Line y, which may lie outside.
  void copy_line(const std::byte* image, index_t y, std::byte* to) const {
    if (y >= 0 && y < window_.height) {
      padded_.copy(image + y * image_line(), blank_.data(), to);
    } else {
      std::memcpy(to, blank_.data(), blank_.size());
    }
  }

  ConvS8 conv_;
  const kernels::Window2d& window_;
  PaddedLine padded_;
  bool inside_;  // no window reaches beyond the image
  ConvRows rows_;
  std::vector<std::byte> blank_;  // a line of pixels that stand for 0
};

}  // namespace

bool takes_lines(const StepSourceS8& s) {
  const kernels::Window2d& w = s.base.layer.window;
  const kernels::PanelShape& shape = s.base.kernels.conv_s8.line_shape;
  return s.base.kernels.conv_s8.convolve_lines != nullptr && s.base.layer.groups == 1 &&
         w.dilation_w == 1 && w.kernel_w * s.base.from.stored_channels() % shape.k_step == 0 &&
         !(s.base.layer.pool && s.base.layer.residual >= 0);
}

StepPtr make_conv_lines_s8(const StepSourceS8& s) { return std::make_unique<ConvLinesS8>(s); }

}  // namespace tt::runtime
