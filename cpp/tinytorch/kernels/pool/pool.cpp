#include "tinytorch/kernels/pool/pool.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "tinytorch/kernels/dispatch.hpp"

namespace tt::kernels {
namespace {

// The inputs one output reads along one axis: begin, begin + step, ... below end; inside the plane.
struct Span {
  std::int64_t begin, end, step;
};

struct Sliding {
  const Window2d& w;
  std::int64_t out_height() const { return w.out_height(); }
  std::int64_t out_width() const { return w.out_width(); }
  std::int64_t width() const { return w.width; }
  Span rows(std::int64_t i) const {
    return span(i * w.stride_h - w.pad_h, w.kernel_h, w.dilation_h, w.height);
  }
  Span cols(std::int64_t j) const {
    return span(j * w.stride_w - w.pad_w, w.kernel_w, w.dilation_w, w.width);
  }
  std::int64_t count(Span, Span) const { return w.kernel_h * w.kernel_w; }
  static Span span(std::int64_t start, std::int64_t kernel, std::int64_t step, std::int64_t size) {
    const std::int64_t skipped = start < 0 ? (-start + step - 1) / step : 0;
    return {start + skipped * step, std::min(size, start + (kernel - 1) * step + 1), step};
  }
};

struct Adaptive {
  const AdaptivePool& p;
  std::int64_t out_height() const { return p.out_height; }
  std::int64_t out_width() const { return p.out_width; }
  std::int64_t width() const { return p.width; }
  Span rows(std::int64_t i) const { return span(i, p.height, p.out_height); }
  Span cols(std::int64_t j) const { return span(j, p.width, p.out_width); }
  std::int64_t count(Span rows, Span cols) const {
    return (rows.end - rows.begin) * (cols.end - cols.begin);
  }
  static Span span(std::int64_t i, std::int64_t size, std::int64_t outputs) {
    return {i * size / outputs, ((i + 1) * size + outputs - 1) / outputs, 1};
  }
};

// Calls fn(output index, rows, cols) for every output.
template <class Windows, class Fn>
void for_each_output(const Windows& windows, Fn fn) {
  const std::int64_t out_h = windows.out_height(), out_w = windows.out_width();
  for (std::int64_t i = 0; i < out_h; ++i) {
    const Span rows = windows.rows(i);
    for (std::int64_t j = 0; j < out_w; ++j) fn(i * out_w + j, rows, windows.cols(j));
  }
}

template <class T, class Windows>
void max_forward(const T* x, const Windows& windows, T* y, std::int32_t* argmax) {
  const std::int64_t width = windows.width();
  for_each_output(windows, [&](std::int64_t o, Span rows, Span cols) {
    T best = -std::numeric_limits<T>::infinity();
    std::int64_t where = -1;
    for (std::int64_t r = rows.begin; r < rows.end; r += rows.step) {
      for (std::int64_t c = cols.begin; c < cols.end; c += cols.step) {
        const T v = x[r * width + c];
        // The first NaN wins for good: nothing compares greater, and best is not replaced.
        if (v > best || where < 0 || (std::isnan(v) && !std::isnan(best))) {
          best = v;
          where = r * width + c;
        }
      }
    }
    y[o] = best;
    argmax[o] = static_cast<std::int32_t>(where);
  });
}

template <class T, class Windows>
void average_forward(const T* x, const Windows& windows, T* y) {
  const std::int64_t width = windows.width();
  for_each_output(windows, [&](std::int64_t o, Span rows, Span cols) {
    T sum = 0;
    for (std::int64_t r = rows.begin; r < rows.end; r += rows.step) {
      for (std::int64_t c = cols.begin; c < cols.end; c += cols.step) sum += x[r * width + c];
    }
    y[o] = sum / static_cast<T>(windows.count(rows, cols));
  });
}

template <class T, class Windows>
void average_backward(const T* dy, const Windows& windows, T* dx) {
  const std::int64_t width = windows.width();
  for_each_output(windows, [&](std::int64_t o, Span rows, Span cols) {
    const T share = dy[o] / static_cast<T>(windows.count(rows, cols));
    for (std::int64_t r = rows.begin; r < rows.end; r += rows.step) {
      for (std::int64_t c = cols.begin; c < cols.end; c += cols.step) dx[r * width + c] += share;
    }
  });
}

// fn(offset of the outputs, of the upper and of the lower row of inputs, outputs a row) for each
// row of outputs.
template <class Fn>
void each_pair_of_rows(const Window2d& w, Fn fn) {
  const std::int64_t n = w.out_width();
  for (std::int64_t i = 0; i < w.out_height(); ++i) {
    fn(i * n, 2 * i * w.width, (2 * i + 1) * w.width, static_cast<std::size_t>(n));
  }
}

}  // namespace

bool halves(const Window2d& w) {
  return w.kernel_h == 2 && w.kernel_w == 2 && w.stride_h == 2 && w.stride_w == 2 && w.pad_h == 0 &&
         w.pad_w == 0 && w.dilation_h == 1 && w.dilation_w == 1;
}

template <class T>
void max_pool(const T* x, const Window2d& w, T* y, std::int32_t* argmax) {
  if constexpr (std::is_same_v<T, float>) {
    if (halves(w)) {
      const auto kernel = active().pool.max;
      return each_pair_of_rows(w, [=, &w](auto out, auto upper, auto lower, std::size_t n) {
        kernel(x + upper, x + lower, static_cast<std::int32_t>(upper),
               static_cast<std::int32_t>(w.width), y + out, argmax + out, n);
      });
    }
  }
  max_forward(x, Sliding{w}, y, argmax);
}
template <class T>
void avg_pool(const T* x, const Window2d& w, T* y) {
  if constexpr (std::is_same_v<T, float>) {
    if (halves(w)) {
      const auto kernel = active().pool.average;
      return each_pair_of_rows(w, [=](auto out, auto upper, auto lower, std::size_t n) {
        kernel(x + upper, x + lower, y + out, n);
      });
    }
  }
  average_forward(x, Sliding{w}, y);
}
template <class T>
void avg_pool_grad(const T* dy, const Window2d& w, T* dx) {
  if constexpr (std::is_same_v<T, float>) {
    if (halves(w)) {
      const auto kernel = active().pool.average_grad;
      return each_pair_of_rows(w, [=](auto out, auto upper, auto lower, std::size_t n) {
        kernel(dy + out, dx + upper, dx + lower, n);
      });
    }
  }
  average_backward(dy, Sliding{w}, dx);
}
template <class T>
void adaptive_max_pool(const T* x, const AdaptivePool& p, T* y, std::int32_t* argmax) {
  max_forward(x, Adaptive{p}, y, argmax);
}
template <class T>
void adaptive_avg_pool(const T* x, const AdaptivePool& p, T* y) {
  average_forward(x, Adaptive{p}, y);
}
template <class T>
void adaptive_avg_pool_grad(const T* dy, const AdaptivePool& p, T* dx) {
  average_backward(dy, Adaptive{p}, dx);
}
template <class T>
void max_pool_grad(const T* dy, const std::int32_t* argmax, std::int64_t n, T* dx) {
  for (std::int64_t i = 0; i < n; ++i) {
    if (argmax[i] >= 0) dx[argmax[i]] += dy[i];
  }
}

#define TT_INSTANTIATE(T)                                                            \
  template void max_pool(const T*, const Window2d&, T*, std::int32_t*);              \
  template void avg_pool(const T*, const Window2d&, T*);                             \
  template void avg_pool_grad(const T*, const Window2d&, T*);                        \
  template void adaptive_max_pool(const T*, const AdaptivePool&, T*, std::int32_t*); \
  template void adaptive_avg_pool(const T*, const AdaptivePool&, T*);                \
  template void adaptive_avg_pool_grad(const T*, const AdaptivePool&, T*);           \
  template void max_pool_grad(const T*, const std::int32_t*, std::int64_t, T*);
TT_INSTANTIATE(float)
TT_INSTANTIATE(double)
#undef TT_INSTANTIATE

}  // namespace tt::kernels
