#include "tinytorch/kernels/conv/im2col.hpp"

#include <algorithm>

namespace tt::kernels {
namespace {

// Outputs [begin, end) whose tap lies inside a line of `size`: 0 <= j * stride + offset < size.
struct Inside {
  std::int64_t begin, end;
  Inside(std::int64_t outputs, std::int64_t size, std::int64_t stride, std::int64_t offset)
      : begin(std::min(outputs, offset < 0 ? (-offset + stride - 1) / stride : 0)),
        end(size <= offset ? begin
                           : std::max(begin, std::min(outputs, (size - 1 - offset) / stride + 1))) {
  }
};

template <class T>
void gather_line(const T* line, std::int64_t offset, std::int64_t stride, Inside in,
                 std::int64_t outputs, T* out) {
  std::fill(out, out + in.begin, T(0));
  const T* source = line + offset;
  if (stride == 1) {
    std::copy(source + in.begin, source + in.end, out + in.begin);
  } else {
    for (std::int64_t j = in.begin; j < in.end; ++j) out[j] = source[j * stride];
  }
  std::fill(out + in.end, out + outputs, T(0));
}

template <class T>
void scatter_line(const T* in_values, std::int64_t offset, std::int64_t stride, Inside in,
                  T* line) {
  T* target = line + offset;
  if (stride == 1) {
    for (std::int64_t j = in.begin; j < in.end; ++j) target[j] += in_values[j];
  } else {
    for (std::int64_t j = in.begin; j < in.end; ++j) target[j * stride] += in_values[j];
  }
}

// Calls line(column row, output row i, input row or -1, tap offset, inside) for one channel.
template <class Fn>
void for_each_line(const Window2d& w, Fn line) {
  const std::int64_t out_h = w.out_height(), out_w = w.out_width();
  for (std::int64_t u = 0; u < w.kernel_h; ++u) {
    for (std::int64_t v = 0; v < w.kernel_w; ++v) {
      const std::int64_t offset = v * w.dilation_w - w.pad_w;
      const Inside inside(out_w, w.width, w.stride_w, offset);
      for (std::int64_t i = 0; i < out_h; ++i) {
        const std::int64_t y = i * w.stride_h - w.pad_h + u * w.dilation_h;
        line(u * w.kernel_w + v, i, y >= 0 && y < w.height ? y : -1, offset, inside);
      }
    }
  }
}

// Windows at every pixel of the plane: a tap's values are the plane moved by some rows and columns,
// one long copy, and zeros where a line was moved in from its neighbour.
bool keeps_size(const Window2d& w) {
  return w.stride_h == 1 && w.stride_w == 1 && w.out_height() == w.height &&
         w.out_width() == w.width;
}

template <class T>
void moved_plane(const T* plane, const Window2d& w, std::int64_t down, std::int64_t right, T* out) {
  const std::int64_t area = w.height * w.width, offset = down * w.width + right;
  const std::int64_t begin = std::clamp<std::int64_t>(-offset, 0, area);
  const std::int64_t end = std::clamp<std::int64_t>(area - offset, begin, area);
  std::fill(out, out + begin, T(0));
  if (begin < end) std::copy(plane + offset + begin, plane + offset + end, out + begin);
  std::fill(out + end, out + area, T(0));
  const std::int64_t left = std::clamp<std::int64_t>(-right, 0, w.width);
  const std::int64_t inside = std::clamp<std::int64_t>(w.width - right, left, w.width);
  for (std::int64_t i = 0; i < w.height; ++i, out += w.width) {
    for (std::int64_t j = 0; j < left; ++j) out[j] = T(0);
    for (std::int64_t j = inside; j < w.width; ++j) out[j] = T(0);
  }
}

template <class T>
void moved_planes(const T* image, const Window2d& w, std::int64_t first, std::int64_t last,
                  T* columns, std::int64_t row) {
  const std::int64_t area = w.height * w.width, taps = w.kernel_h * w.kernel_w;
  for (std::int64_t c = first; c < last; ++c) {
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      moved_plane(image + c * area, w, tap / w.kernel_w * w.dilation_h - w.pad_h,
                  tap % w.kernel_w * w.dilation_w - w.pad_w, columns + (c * taps + tap) * row);
    }
  }
}

template <class T>
void gathered_lines(const T* image, const Window2d& w, std::int64_t first, std::int64_t last,
                    T* columns, std::int64_t row) {
  const std::int64_t out_w = w.out_width();
  const std::int64_t taps = w.kernel_h * w.kernel_w;
  for (std::int64_t c = first; c < last; ++c) {
    const T* plane = image + c * w.height * w.width;
    for_each_line(w, [&](std::int64_t tap, std::int64_t i, std::int64_t y, std::int64_t offset,
                         Inside inside) {
      T* out = columns + (c * taps + tap) * row + i * out_w;
      if (y < 0) {
        std::fill(out, out + out_w, T(0));
      } else {
        gather_line(plane + y * w.width, offset, w.stride_w, inside, out_w, out);
      }
    });
  }
}

}  // namespace

template <class T>
void im2col(const T* image, const Window2d& w, std::int64_t first, std::int64_t last, T* columns,
            std::int64_t row) {
  keeps_size(w) ? moved_planes(image, w, first, last, columns, row)
                : gathered_lines(image, w, first, last, columns, row);
}

template <class T>
void col2im(const T* columns, std::int64_t row, const Window2d& w, std::int64_t first,
            std::int64_t last, T* image) {
  const std::int64_t out_w = w.out_width();
  const std::int64_t taps = w.kernel_h * w.kernel_w;
  for (std::int64_t c = first; c < last; ++c) {
    T* plane = image + c * w.height * w.width;
    for_each_line(w, [&](std::int64_t tap, std::int64_t i, std::int64_t y, std::int64_t offset,
                         Inside inside) {
      if (y < 0) return;
      scatter_line(columns + (c * taps + tap) * row + i * out_w, offset, w.stride_w, inside,
                   plane + y * w.width);
    });
  }
}

#define TT_INSTANTIATE(T)                                                                        \
  template void im2col(const T*, const Window2d&, std::int64_t, std::int64_t, T*, std::int64_t); \
  template void col2im(const T*, std::int64_t, const Window2d&, std::int64_t, std::int64_t, T*);
TT_INSTANTIATE(float)
TT_INSTANTIATE(double)
#undef TT_INSTANTIATE

}  // namespace tt::kernels
