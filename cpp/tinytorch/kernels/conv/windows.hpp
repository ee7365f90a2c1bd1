// Windows of images side by side, as the rows (or columns) of a matrix product.
#pragma once
#include <cstdint>

#include "tinytorch/kernels/conv/window.hpp"

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

  const Window2d& w_;
  std::int64_t stored_, first_, count_;
};

// Windows of planes (channels, height, width): a line of results per tap, (channels, kernel_h,
// kernel_w) lines `step` apart.
void copy_planes(const float* image, const Window2d& w, std::int64_t channels, std::int64_t y,
                 float* out, std::int64_t step);

}  // namespace tt::kernels
