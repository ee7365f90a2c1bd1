#include "tinytorch/ops/conv_depthwise.hpp"

#include <algorithm>

#include "tinytorch/array/channels_last.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/scratch.hpp"
#include "tinytorch/ops/elementwise.hpp"
#include "tinytorch/ops/pixels.hpp"
#include "tinytorch/ops/reduce.hpp"

namespace tt::ops {
namespace {

using kernels::Window2d;

constexpr index_t kStripFloats = 16 * 1024;  // results whose windows overlap in the caches
constexpr index_t kParts = 8;                // of the sums that are gradients of weights
thread_local kernels::ScratchBuffer t_work;

// Lines [first, first + count) of an image.
struct Lines {
  index_t first, count;
};

// As kernels read images: float32 or bfloat16, channels innermost.
Array as_pixels(const Array& x) {
  return to_channels_last(x.dtype() == DType::bf16 ? x : cast(x, DType::f32));
}

// (C, 1, kh, kw) as (kh, kw, C).
Array taps_of(const Array& weight) { return weight.permute({2, 3, 1, 0}).contiguous(); }

// What the windows of these results see of the image.
Lines seen_by(const Lines& results, const Window2d& w) {
  const index_t top = results.first * w.stride_h - w.pad_h;
  const index_t span = (results.count - 1) * w.stride_h + (w.kernel_h - 1) * w.dilation_h + 1;
  const index_t first = std::clamp<index_t>(top, 0, w.height);
  return {first, std::max<index_t>(0, std::min(top + span, w.height) - first)};
}

// fn(image, lines) for strips of all images, in parallel.
template <class Fn>
void each_strip(index_t images, index_t height, index_t line, Fn fn) {
  const index_t most = std::clamp<index_t>(kStripFloats / line, 1, height);
  const index_t strips = (height + most - 1) / most;
  parallel_for(images * strips, 1, [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
      const index_t first = i % strips * most;
      fn(i / strips, Lines{first, std::min(most, height - first)});
    }
  });
}

// x as as_pixels() gives it, its sizes those of w; taps (kh, kw, C). Results of `type`.
Array convolve(const Array& x, const Array& taps, const Array& bias, const Window2d& w,
               DType type) {
  const index_t images = x.shape(0), channels = x.shape(1), seen_line = w.width * channels;
  const index_t height = w.out_height(), width = w.out_width(), line = width * channels;
  const Array y = empty_channels_last({images, channels, height, width}, type);
  each_strip(images, height, line, [&](index_t image, const Lines& results) {
    const Lines seen = seen_by(results, w);
    float* work = t_work.reserve<float>(line + seen.count * seen_line);
    const float* from = floats_of(x, (image * w.height + seen.first) * seen_line,
                                  seen.count * seen_line, work + line);
    const LinesOut out(y, line, work);
    for (index_t i = results.first; i < results.first + results.count; ++i) {
      const index_t row = image * height + i, top = i * w.stride_h - w.pad_h - seen.first;
      kernels::active().conv_f32.depthwise_row(
          {from, seen.count, w.width, channels, top, -w.pad_w, w.kernel_h, w.kernel_w, w.stride_w,
           w.dilation_h, w.dilation_w, taps.data<float>(), bias.data<float>(), out.at(row), width});
      out.done(row, 1);
    }
  });
  return y;
}

kernels::DepthwiseLine line_of(const ConvShape& s) {
  const Window2d& w = s.window;
  return {w.width, s.channels, -w.pad_w, w.kernel_w, w.stride_w, w.dilation_w, w.out_width()};
}

// Where windows overlap by leaps: every line of dx collects from the lines of dy that saw it.
Array spread(const Array& dy, const Array& taps, const ConvShape& s) {
  const Window2d& w = s.window;
  const index_t height = w.out_height(), line = w.width * s.channels;
  const index_t results = w.out_width() * s.channels, tap_line = w.kernel_w * s.channels;
  const Array dx = empty_channels_last({s.batch, s.channels, w.height, w.width}, dy.dtype());
  each_strip(s.batch, w.height, line, [&](index_t image, const Lines& lines) {
    float* work = t_work.reserve<float>(line + results);
    const LinesOut out(dx, line, work);
    for (index_t y = lines.first; y < lines.first + lines.count; ++y) {
      float* to = out.at(image * w.height + y);
      std::fill_n(to, line, 0.0f);
      for (index_t i = 0; i < w.kernel_h; ++i) {
        const index_t at = y + w.pad_h - i * w.dilation_h;
        if (at < 0 || at % w.stride_h != 0 || at / w.stride_h >= height) continue;
        const index_t from = image * height + at / w.stride_h;
        kernels::active().conv_f32.depthwise_image_grad(
            line_of(s), floats_of(dy, from * results, results, work + line),
            taps.data<float>() + i * tap_line, to);
      }
      out.done(image * w.height + y, 1);
    }
  });
  return dx;
}

}  // namespace

bool convolves_depthwise(const ConvShape& s) {
  return s.groups > 1 && s.groups == s.channels && s.groups == s.out_channels &&
         s.channels % kernels::kChannelBlock == 0;
}

Array conv2d_depthwise(const Array& x, const Array& weight, const Array& bias, const ConvShape& s,
                       DType type) {
  const DType made = type == DType::bf16 ? type : DType::f32;
  const Array zeros = bias.defined() ? bias : Array::zeros({s.channels});
  return cast(convolve(as_pixels(x), taps_of(weight), zeros, s.window, made), type);
}

Array conv2d_depthwise_grad_input(const Array& grad, const Array& weight, const ConvShape& s) {
  const Array dy = as_pixels(grad);
  const Window2d& w = s.window;
  if (w.stride_h != 1 || w.stride_w != 1) return spread(dy, taps_of(weight), s);
  // A convolution of dy with the weights turned around.
  Window2d back = w;
  back.height = w.out_height(), back.width = w.out_width();
  back.pad_h = w.dilation_h * (w.kernel_h - 1) - w.pad_h;
  back.pad_w = w.dilation_w * (w.kernel_w - 1) - w.pad_w;
  return convolve(dy, taps_of(weight.flip(2).flip(3)), Array::zeros({s.channels}), back,
                  dy.dtype());
}

Array conv2d_depthwise_grad_weight(const Array& grad, const Array& images, const ConvShape& s) {
  const Array dy = as_pixels(grad), x = as_pixels(images);
  const Window2d& w = s.window;
  const index_t height = w.out_height(), rows = s.batch * height, line = w.width * s.channels;
  const index_t results = w.out_width() * s.channels, tap_line = w.kernel_w * s.channels;
  const index_t parts = std::min(kParts, rows);
  const Array partial = Array::zeros({parts, w.kernel_h * w.kernel_w, s.channels});
  const auto add = [&](index_t row, float* work, float* taps) {
    const float* from = floats_of(dy, row * results, results, work);
    for (index_t i = 0; i < w.kernel_h; ++i) {
      const index_t y = row % height * w.stride_h - w.pad_h + i * w.dilation_h;
      if (y < 0 || y >= w.height) continue;
      const float* seen = floats_of(x, (row / height * w.height + y) * line, line, work + results);
      kernels::active().conv_f32.depthwise_taps_grad(line_of(s), from, seen, taps + i * tap_line);
    }
  };
  parallel_for(parts, 1, [&](index_t begin, index_t end) {
    float* work = t_work.reserve<float>(results + line);
    for (index_t part = begin; part < end; ++part) {
      float* taps = partial.data<float>() + part * w.kernel_h * tap_line;
      const index_t last = rows * (part + 1) / parts;
      for (index_t row = rows * part / parts; row < last; ++row) add(row, work, taps);
    }
  });
  return sum(partial, Dims{0}).transpose(0, 1).reshape({s.channels, 1, w.kernel_h, w.kernel_w});
}

}  // namespace tt::ops
