// Convolution of codes whose windows are read where they lie: lines of pixels are copied once, with
// what stands for 0 on both sides, or not at all where windows stay inside the image.
#include <algorithm>
#include <cstring>
#include <vector>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/runtime/cnn/conv_cut.hpp"
#include "tinytorch/runtime/cnn/conv_s8.hpp"

namespace tt::runtime {
namespace {

constexpr index_t kLineBytes = 64 * 1024;  // lines copied at once
constexpr index_t kFewPixels = 32;         // that still make good use of a panel

class ConvLinesS8 final : public Step {
 public:
  explicit ConvLinesS8(const StepSourceS8& s)
      : conv_(s, s.base.kernels.conv_s8.line_shape),
        window_(conv_.window),
        pixel_(conv_.in_stored * conv_.code),
        inside_(window_.pad_h == 0 && window_.pad_w == 0) {
    taken_ = (conv_.width - 1) * window_.stride_w + window_.kernel_w;
    line_ = (inside_ ? window_.width : taken_) * pixel_;
    const index_t of_row = window_.stride_h * line_;
    // A power of two: it can be halved to share a single image among threads.
    while (2 * most_rows_ * of_row <= kLineBytes && most_rows_ < kMostRows) most_rows_ *= 2;
    most_rows_ = rows_for(conv_.pool, most_rows_);
    if (!inside_) blank_ = conv_.blank(line_);
  }

  index_t workspace() const override { return starts_bytes() + lines_of(most_rows_) * line_; }
  std::string method() const override { return "int8 lines"; }

  void run(const StepData& d) const override {
    const ConvCut cut(d.images * conv_.height,
                      {conv_.width, most_rows_, kFewPixels, conv_.pool, !conv_.pool,
                       conv_.weights(0).panels(), conv_.out_stored});
    parallel_for(cut.pieces(), 1, [&](index_t begin, index_t end) {
      const Workspaces::Piece work(*d.work);
      for (index_t i = begin; i < end; ++i) convolve(d, cut.piece(i), work.bytes());
    });
  }

 private:
  static constexpr index_t kMostRows = 64;

  index_t starts_bytes() const {
    return most_rows_ * static_cast<index_t>(sizeof(const std::byte*)) / 64 * 64 + 64;
  }
  // Lines that the windows of rows of one image take; and of any rows, at most.
  index_t lines_of_image(index_t rows) const {
    return (rows - 1) * window_.stride_h + (window_.kernel_h - 1) * window_.dilation_h + 1;
  }
  index_t lines_of(index_t rows) const {
    if (inside_) return 0;
    const index_t reach = lines_of_image(1);
    const index_t images = std::min(rows, (rows + conv_.height - 2) / conv_.height + 1);
    const index_t parts = reach > window_.stride_h ? images : 1;
    return (rows - parts) * window_.stride_h + parts * reach;
  }

  void convolve(const StepData& d, const ConvPiece& p, std::byte* work) const {
    const WeightsS8& weights = conv_.weights(0);
    const index_t panel = weights.panel_width();
    auto** starts = reinterpret_cast<const std::byte**>(work);
    find_lines(d, p, starts, work + starts_bytes());
    kernels::LinesToCodes l;
    l.product = weights.product(nullptr, p.count, p.panel0, p.panel1);
    l.starts = starts;
    l.line = window_.dilation_h * line_, l.pixel = window_.stride_w * pixel_;
    l.kernel_h = window_.kernel_h, l.run_groups = l.product.groups / window_.kernel_h;
    l.width = conv_.width;
    l.to = conv_.requantize(d, p.first, p.panel0 * panel,
                            std::min(p.panel1 * panel, conv_.out_stored));
    l.pool = conv_.pool;
    conv_.kernels.conv_s8.convolve_lines(l);
  }

  // Where the windows of each row of results begin; copies lines to `to` if need be.
  void find_lines(const StepData& d, const ConvPiece& p, const std::byte** starts,
                  std::byte* to) const {
    const index_t image_line = window_.width * pixel_, image = window_.height * image_line;
    for (index_t i = 0; i < p.count;) {
      const index_t n = (p.first + i) / conv_.height, y = (p.first + i) % conv_.height;
      const index_t rows = std::min(conv_.height - y, p.count - i);  // of this image
      const index_t top = y * window_.stride_h - window_.pad_h;
      const std::byte* from = d.input + n * image;
      const std::byte* lines = inside_ ? from + top * image_line : to;
      if (!inside_) to = copy_lines(from, top, rows, to);
      for (index_t r = 0; r < rows; ++r) starts[i + r] = lines + r * window_.stride_h * line_;
      i += rows;
    }
  }

  // Lines from `top` on, which may lie outside; where the next ones go.
  std::byte* copy_lines(const std::byte* image, index_t top, index_t rows, std::byte* to) const {
    const index_t count = lines_of_image(rows);
    const index_t left = std::min(window_.pad_w, taken_) * pixel_;
    const index_t bytes = std::clamp<index_t>(taken_ - window_.pad_w, 0, window_.width) * pixel_;
    const auto size = [](index_t n) { return static_cast<std::size_t>(n); };
    for (index_t y = top; y < top + count; ++y, to += line_) {
      if (y < 0 || y >= window_.height) {
        std::memcpy(to, blank_.data(), size(line_));
        continue;
      }
      std::memcpy(to, blank_.data(), size(left));
      std::memcpy(to + left, image + y * window_.width * pixel_, size(bytes));
      std::memcpy(to + left + bytes, blank_.data(), size(line_ - left - bytes));
    }
    return to;
  }

  ConvS8 conv_;
  const kernels::Window2d& window_;
  index_t pixel_;  // bytes
  bool inside_;    // no window reaches beyond the image
  index_t taken_ = 0, line_ = 0, most_rows_ = 1;
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
