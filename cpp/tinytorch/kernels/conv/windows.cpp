#include "tinytorch/kernels/conv/windows.hpp"

#include <algorithm>
#include <cstring>

namespace tt::kernels {
namespace {

std::size_t bytes(std::int64_t floats) { return sizeof(float) * static_cast<std::size_t>(floats); }

}  // namespace

void WindowRows::copy(const float* image, std::int64_t y, float* out) const {
  for (std::int64_t x = 0; x < w_.out_width(); ++x) {
    for (std::int64_t u = 0; u < w_.kernel_h; ++u) {
      const std::int64_t row = y * w_.stride_h - w_.pad_h + u * w_.dilation_h;
      if (row < 0 || row >= w_.height) {
        std::fill_n(out, w_.kernel_w * count_, 0.0f);
      } else {
        copy_line(image + row * w_.width * stored_ + first_, x * w_.stride_w - w_.pad_w, out);
      }
      out += w_.kernel_w * count_;
    }
  }
}

void WindowRows::copy_line(const float* line, std::int64_t left, float* out) const {
  const bool together = w_.dilation_w == 1 && count_ == stored_;
  if (together && left >= 0 && left + w_.kernel_w <= w_.width) {
    std::memcpy(out, line + left * stored_, bytes(w_.kernel_w * stored_));
    return;
  }
  for (std::int64_t v = 0; v < w_.kernel_w; ++v, out += count_) {
    const std::int64_t x = left + v * w_.dilation_w;
    if (x >= 0 && x < w_.width) {
      std::memcpy(out, line + x * stored_, bytes(count_));
    } else {
      std::fill_n(out, count_, 0.0f);
    }
  }
}

void WindowRows::add(const float* rows, std::int64_t y, float* image) const {
  for (std::int64_t x = 0; x < w_.out_width(); ++x) {
    for (std::int64_t u = 0; u < w_.kernel_h; ++u) {
      const std::int64_t row = y * w_.stride_h - w_.pad_h + u * w_.dilation_h;
      for (std::int64_t v = 0; v < w_.kernel_w; ++v, rows += count_) {
        const std::int64_t col = x * w_.stride_w - w_.pad_w + v * w_.dilation_w;
        if (row < 0 || row >= w_.height || col < 0 || col >= w_.width) continue;
        float* to = image + (row * w_.width + col) * stored_ + first_;
        for (std::int64_t c = 0; c < count_; ++c) to[c] += rows[c];
      }
    }
  }
}

namespace {

// Two overlapping pieces of a fixed size cost less than a call for so few bytes.
template <std::int64_t N>
bool copies_two(const float* from, std::int64_t count, float* to) {
  if (count < N || count > 2 * N) return false;
  float first[N], last[N];
  std::memcpy(first, from, sizeof first);
  std::memcpy(last, from + count - N, sizeof last);
  std::memcpy(to, first, sizeof first);
  std::memcpy(to + count - N, last, sizeof last);
  return true;
}
void copy_run(const float* from, std::int64_t count, float* to) {
  if (copies_two<8>(from, count, to) || copies_two<16>(from, count, to)) return;
  std::memcpy(to, from, bytes(count));
}

// What one tap of a line of windows sees of a line of the image, from column x on.
void copy_tap(const float* line, const Window2d& w, std::int64_t x, std::int64_t results,
              float* out) {
  std::int64_t j = 0;
  for (; j < results && x < 0; ++j, x += w.stride_w) out[j] = 0.0f;
  if (w.stride_w == 1) {
    const std::int64_t count = std::clamp<std::int64_t>(w.width - x, 0, results - j);
    if (count > 0) copy_run(line + x, count, out + j);
    j += count;
  } else {
    for (; j < results && x < w.width; ++j, x += w.stride_w) out[j] = line[x];
  }
  for (; j < results; ++j) out[j] = 0.0f;
}

}  // namespace

void copy_planes(const float* image, const Window2d& w, std::int64_t channels, std::int64_t y,
                 float* out, std::int64_t step) {
  const std::int64_t results = w.out_width();
  for (std::int64_t c = 0; c < channels; ++c, image += w.height * w.width) {
    std::int64_t row = y * w.stride_h - w.pad_h;
    for (std::int64_t u = 0; u < w.kernel_h; ++u, row += w.dilation_h) {
      const bool inside = row >= 0 && row < w.height;
      for (std::int64_t v = 0; v < w.kernel_w; ++v, out += step) {
        if (inside) {
          copy_tap(image + row * w.width, w, v * w.dilation_w - w.pad_w, results, out);
        } else {
          std::fill_n(out, results, 0.0f);
        }
      }
    }
  }
}

WindowSource::WindowSource(const Window2d& w, std::int64_t stored, std::int64_t first,
                           std::int64_t count, bool planes)
    : w_(w),
      stored_(stored),
      first_(first),
      count_(count),
      depth_(w.kernel_h * w.kernel_w * count),
      planes_(planes),
      copied_(w, stored, first, count) {
  own_ = !planes && w.kernel_h * w.kernel_w == 1 && w.stride_h == 1 && w.stride_w == 1 &&
         w.pad_h == 0 && w.pad_w == 0;
}

Rows WindowSource::rows(const float* images, std::int64_t first, std::int64_t count,
                        float* work) const {
  const std::int64_t width = w_.out_width(), height = w_.out_height(), results = count * width;
  if (own_) return {images + first * width * stored_ + first_, stored_, 1, results};
  const std::int64_t image = stored_ * w_.height * w_.width, step = results + kGap;
  for (std::int64_t i = 0; i < count; ++i) {
    const float* from = images + (first + i) / height * image;
    const std::int64_t y = (first + i) % height;
    if (planes_) {
      copy_planes(from + first_ * w_.height * w_.width, w_, count_, y, work + i * width, step);
    } else {
      copied_.copy(from, y, work + i * width * depth_);
    }
  }
  if (planes_) return {work, 1, step, results};
  return {work, depth_, 1, results};
}

}  // namespace tt::kernels
