// Pooling: the planes (image, channel) are independent and shared out between threads. Images whose
// channels are innermost keep that form where windows are 2 x 2 side by side; others are turned.
#include "tinytorch/kernels/pool/pool.hpp"

#include "tinytorch/array/channels_last.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/ops/conv.hpp"
#include "tinytorch/ops/elementwise.hpp"
#include "tinytorch/ops/reduce.hpp"

namespace tt::ops {
namespace {

void check_images(const Array& x) {
  if (x.ndim() != 4) {
    fail<ShapeError>("Expected 4D input (batch, channels, height, width), got ", x.ndim(),
                     "D with shape ", to_string(x.shape()));
  }
}

// fn(tag, plane index) for each plane, in parallel; `area` is the work per plane.
template <class Fn>
void each_plane(const Array& a, index_t planes, index_t area, Fn fn) {
  visit_float(a.dtype(), "pooling", [&](auto tag) {
    parallel_for(planes, std::max<index_t>(1, 8192 / std::max<index_t>(area, 1)),
                 [&](index_t begin, index_t end) {
                   for (index_t p = begin; p < end; ++p) fn(tag, p);
                 });
  });
}

// The same for any pooling: x (N, C, H, W) to y (N, C, h, w) with kernel(x plane, y plane, argmax).
template <class Kernel>
MaxPooled pooled(const Array& input, index_t h, index_t w, bool with_argmax, Kernel kernel) {
  kernels::count_call(kernels::Family::pool);
  const Array x = to_compute(input).contiguous();
  const Shape shape{x.shape(0), x.shape(1), h, w};
  MaxPooled out{Array::empty(shape, x.dtype()), Array()};
  if (with_argmax) out.argmax = Array::empty(shape, DType::i32);
  if (out.y.size() == 0) {
    out.y = from_compute(out.y, input.dtype());
    return out;
  }
  const index_t in_area = x.shape(2) * x.shape(3), area = h * w;
  each_plane(x, x.shape(0) * x.shape(1), in_area, [&](auto tag, index_t p) {
    using T = typename decltype(tag)::type;
    std::int32_t* argmax =
        with_argmax ? out.argmax.template data<std::int32_t>() + p * area : nullptr;
    kernel(x.template data<T>() + p * in_area, out.y.template data<T>() + p * area, argmax);
  });
  out.y = from_compute(out.y, input.dtype());
  return out;
}

// dx (like x) from dy with kernel(dy plane, dx plane, plane index).
template <class Kernel>
Array unpooled(const Array& grad, const Shape& x, Kernel kernel) {
  kernels::count_call(kernels::Family::pool);
  const Array dy = to_compute(grad).contiguous();
  const Array dx = Array::zeros(x, dy.dtype());
  if (dy.size() == 0 || dx.size() == 0) return dx;
  const index_t in_area = x[2] * x[3], area = dy.shape(2) * dy.shape(3);
  each_plane(dy, x[0] * x[1], in_area, [&](auto tag, index_t p) {
    using T = typename decltype(tag)::type;
    kernel(dy.template data<T>() + p * area, dx.template data<T>() + p * in_area, p);
  });
  return dx;
}

void check_adaptive(const Array& x, index_t h, index_t w) {
  check_images(x);
  if (h < 1 || w < 1) {
    fail<ValueError>("adaptive pooling needs an output of at least 1 x 1, got ", h, " x ", w);
  }
  if (x.size() > 0 && (x.shape(2) == 0 || x.shape(3) == 0)) {
    fail<ShapeError>("adaptive pooling needs non-empty planes, got shape ", to_string(x.shape()));
  }
}

// Images of `x`'s shape halved: fn(parameters, offset of a row of results, offsets of its two rows
// of inputs) for each row of results.
template <class Fn>
void each_halved_row(const Shape& x, Fn fn) {
  kernels::count_call(kernels::Family::pool);
  const index_t channels = x[1], height = x[2] / 2, width = x[3] / 2, line = x[3] * channels;
  parallel_for(x[0] * height, grain_for(1 << 15, line), [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
      const index_t upper = (i / height * x[2] + i % height * 2) * line;
      fn(kernels::PoolPixels{width, channels}, i * width * channels, upper, upper + line);
    }
  });
}

Array halved(const Array& x, DType dtype) {
  return empty_channels_last({x.shape(0), x.shape(1), x.shape(2) / 2, x.shape(3) / 2}, dtype);
}

MaxPooled max_of_pixels(const Array& x) {
  const MaxPooled out{halved(x, x.dtype()), halved(x, DType::u8)};
  visit_pixels(x, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto kernel = kernels::active().pool.pixels<T>().max;
    each_halved_row(x.shape(), [&](const auto& p, index_t to, index_t upper, index_t lower) {
      kernel(x.data<T>() + upper, x.data<T>() + lower, p, out.y.template data<T>() + to,
             out.argmax.template data<std::uint8_t>() + to);
    });
  });
  return out;
}

Array average_of_pixels(const Array& x) {
  const Array y = halved(x, x.dtype());
  visit_pixels(x, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto kernel = kernels::active().pool.pixels<T>().average;
    each_halved_row(x.shape(), [&](const auto& p, index_t to, index_t upper, index_t lower) {
      kernel(x.data<T>() + upper, x.data<T>() + lower, p, y.data<T>() + to);
    });
  });
  return y;
}

// dx of images of shape x by kernel(tag, dy, offset of dy, parameters, upper row, lower row); of
// odd sizes the last row or column is in no window.
template <class Kernel>
Array pixels_grad(const Array& grad, const Shape& x, Kernel kernel) {
  const Array dy = to_channels_last(grad), dx = empty_channels_last(x, dy.dtype());
  if (x[2] % 2 != 0 || x[3] % 2 != 0) pixels_of(dx).fill(0.0);
  visit_pixels(dy, [&](auto tag) {
    using T = typename decltype(tag)::type;
    each_halved_row(x, [&](const auto& p, index_t from, index_t upper, index_t lower) {
      kernel(tag, dy.data<T>() + from, from, p, dx.data<T>() + upper, dx.data<T>() + lower);
    });
  });
  return dx;
}

}  // namespace

MaxPooled max_pool2d(const Array& x, const kernels::Window2d& w) {
  if (has_pixels(x) && kernels::halves(w)) return max_of_pixels(x);
  return pooled(
      x, w.out_height(), w.out_width(), true,
      [&](const auto* in, auto* out, std::int32_t* at) { kernels::max_pool(in, w, out, at); });
}

Array avg_pool2d(const Array& x, const kernels::Window2d& w) {
  if (has_pixels(x) && kernels::halves(w)) return average_of_pixels(x);
  return pooled(x, w.out_height(), w.out_width(), false,
                [&](const auto* in, auto* out, std::int32_t*) { kernels::avg_pool(in, w, out); })
      .y;
}

Array avg_pool2d_grad(const Array& dy, const Shape& x, const kernels::Window2d& w) {
  if (has_pixels(dy) && kernels::halves(w)) {
    const auto& table = kernels::active().pool;
    return pixels_grad(dy, x, [&](auto tag, auto* g, index_t, const auto& p, auto* up, auto* low) {
      table.pixels<typename decltype(tag)::type>().average_grad(g, p, up, low);
    });
  }
  return unpooled(dy, x,
                  [&](const auto* g, auto* dx, index_t) { kernels::avg_pool_grad(g, w, dx); });
}

MaxPooled adaptive_max_pool2d(const Array& x, index_t h, index_t w) {
  check_adaptive(x, h, w);
  const kernels::AdaptivePool p{x.shape(2), x.shape(3), h, w};
  return pooled(x, h, w, true, [&](const auto* in, auto* out, std::int32_t* at) {
    kernels::adaptive_max_pool(in, p, out, at);
  });
}

Array adaptive_avg_pool2d(const Array& x, index_t h, index_t w) {
  check_adaptive(x, h, w);
  if (h == 1 && w == 1 && has_pixels(x)) return mean(x, Dims{2, 3}, true);
  const kernels::AdaptivePool p{x.shape(2), x.shape(3), h, w};
  return pooled(x, h, w, false,
                [&](const auto* in, auto* out, std::int32_t*) {
                  kernels::adaptive_avg_pool(in, p, out);
                })
      .y;
}

Array adaptive_avg_pool2d_grad(const Array& dy, const Shape& x) {
  const kernels::AdaptivePool p{x[2], x[3], dy.shape(2), dy.shape(3)};
  return unpooled(
      dy, x, [&](const auto* g, auto* dx, index_t) { kernels::adaptive_avg_pool_grad(g, p, dx); });
}

Array max_pool2d_grad(const Array& dy, const Array& argmax, const Shape& x) {
  // Not the layout of argmax tells how the maxima were found: of 1 x 1 results both layouts are
  // one.
  if (argmax.dtype() == DType::u8) {
    const auto& table = kernels::active().pool;
    const std::uint8_t* places = argmax.data<std::uint8_t>();
    return pixels_grad(
        dy, x, [&](auto tag, auto* g, index_t from, const auto& p, auto* up, auto* low) {
          table.pixels<typename decltype(tag)::type>().max_grad(g, places + from, p, up, low);
        });
  }
  const index_t area = dy.shape(2) * dy.shape(3);
  const std::int32_t* at = argmax.data<std::int32_t>();
  return unpooled(dy, x, [=](const auto* g, auto* dx, index_t plane) {
    kernels::max_pool_grad(g, at + plane * area, area, dx);
  });
}

}  // namespace tt::ops
