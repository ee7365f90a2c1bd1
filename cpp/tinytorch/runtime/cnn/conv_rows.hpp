// Lines of pixels that rows of a convolution's results take, made once for all rows that share
// them.
#pragma once
#include <algorithm>

#include "tinytorch/kernels/conv/window.hpp"
#include "tinytorch/runtime/cnn/conv_cut.hpp"

namespace tt::runtime {

class ConvRows {
 public:
  // Of results of `height` rows per image, with lines of `line` bytes; pool: whole pairs of rows.
  ConvRows(const kernels::Window2d& window, index_t height, index_t line, bool pool)
      : window_(window), height_(height), line_(line) {
    constexpr index_t kLineBytes = 64 * 1024;  // made at once
    constexpr index_t kMostRows = 64;
    // A power of two: it can be halved to share a single image among threads.
    const index_t of_row = window.stride_h * line;
    while (2 * most_ * of_row <= kLineBytes && most_ < kMostRows) most_ *= 2;
    most_ = rows_for(pool, most_);
  }

  index_t line() const { return line_; }
  index_t most() const { return most_; }  // rows of results at once
  index_t starts_bytes() const {
    return most_ * static_cast<index_t>(sizeof(const std::byte*)) / 64 * 64 + 64;
  }
  // Of all lines that any `most()` rows of results take.
  index_t lines_bytes() const {
    const index_t reach = lines_of_image(1);
    const index_t images = std::min(most_, (most_ + height_ - 2) / height_ + 1);
    const index_t parts = reach > window_.stride_h ? images : 1;
    return ((most_ - parts) * window_.stride_h + parts * reach) * line_;
  }

  // Calls lines(image, top, number of lines) for the rows of each image, which gives their first
  // line; `top` may lie outside. Notes where each row's windows begin.
  template <class Lines>
  void find(const ConvPiece& p, const std::byte** starts, const Lines& lines) const {
    for (index_t i = 0; i < p.count;) {
      const index_t image = (p.first + i) / height_, y = (p.first + i) % height_;
      const index_t rows = std::min(height_ - y, p.count - i);  // of this image
      const std::byte* first =
          lines(image, y * window_.stride_h - window_.pad_h, lines_of_image(rows));
      for (index_t r = 0; r < rows; ++r) starts[i + r] = first + r * window_.stride_h * line_;
      i += rows;
    }
  }

 private:
  // That the windows of some rows of one image take.
  index_t lines_of_image(index_t rows) const {
    return (rows - 1) * window_.stride_h + (window_.kernel_h - 1) * window_.dilation_h + 1;
  }

  kernels::Window2d window_;
  index_t height_, line_, most_ = 1;
};

}  // namespace tt::runtime
