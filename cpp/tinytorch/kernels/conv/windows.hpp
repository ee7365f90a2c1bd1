// Windows of images side by side, as the rows (or columns) of a matrix product.
#pragma once
#include <cstdint>

#include "tinytorch/kernels/conv/window.hpp"
#include "tinytorch/kernels/gemm_f32/panels.hpp"

namespace tt::kernels {

// Windows of images with channels innermost: a row per result, (kernel_h, kernel_w, count), of
// channels [first, first + count) of the `stored` ones.
class WindowRows {
 public:
  WindowRows(const Window2d& w, std::int64_t stored, std::int64_t first, std::int64_t count)
      : w_(w), stored_(stored), first_(first), count_(count) {}

  // The windows of results (y, all x).
  void copy(const float* image, std::int64_t y, float* out) const;
  // The way back: image += rows, where they lie inside.
  void add(const float* rows, std::int64_t y, float* image) const;

 private:
  void copy_line(const float* line, std::int64_t left, float* out) const;

  Window2d w_;
  std::int64_t stored_, first_, count_;
};

// Windows of planes (channels, height, width): a line of results per tap, (channels, kernel_h,
// kernel_w) lines `step` apart.
void copy_planes(const float* image, const Window2d& w, std::int64_t channels, std::int64_t y,
                 float* out, std::int64_t step);

// The windows of some rows of results, as rows of a product: of channels [first, first + count) of
// the `stored` ones, which are innermost or come as planes. Rows count over all images.
class WindowSource {
 public:
  WindowSource(const Window2d& w, std::int64_t stored, std::int64_t first, std::int64_t count,
               bool planes);
  std::int64_t depth() const { return depth_; }
  // 1 x 1 at stride 1: the image is its own windows, and none are copied.
  bool own() const { return own_; }
  // The workspace that this many results take.
  std::int64_t floats(std::int64_t results) const { return own_ ? 0 : (results + kGap) * depth_; }
  // Of rows [first, first + count), in `work` unless the image is its own windows.
  Rows rows(const float* images, std::int64_t first, std::int64_t count, float* work) const;

 private:
  // Lines of planes begin apart, so that they do not meet in the same sets of a cache.
  static constexpr std::int64_t kGap = 16;

  Window2d w_;
  std::int64_t stored_, first_, count_, depth_;
  bool planes_, own_;
  WindowRows copied_;
};

}  // namespace tt::kernels
