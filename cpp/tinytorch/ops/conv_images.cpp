#include "tinytorch/ops/conv_images.hpp"

#include <algorithm>

#include "tinytorch/array/channels_last.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/conv/windows.hpp"
#include "tinytorch/kernels/conv_f32/winograd.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/gemm_bf16/code_panels.hpp"
#include "tinytorch/kernels/gemm_bf16/pieces.hpp"
#include "tinytorch/kernels/gemm_bf16/plain.hpp"
#include "tinytorch/kernels/gemm_f32/panels.hpp"
#include "tinytorch/kernels/scratch.hpp"
#include "tinytorch/ops/elementwise.hpp"
#include "tinytorch/ops/pixels.hpp"
#include "tinytorch/ops/reduce.hpp"

namespace tt::ops {
namespace {

using kernels::Window2d;

constexpr index_t kWindowFloats = 160 * 1024;  // windows copied at once
constexpr index_t kPixels = 64;                // results at once, where the windows are small
constexpr index_t kMostPlanes = 15;            // channels that come as planes
thread_local kernels::ScratchBuffer t_work, t_panels;

bool in_vectors(index_t channels) { return channels > 0 && channels % kernels::kChannelBlock == 0; }

// Shorter vectors, which are worth copying windows of, but not turning images around for alone.
bool in_short_vectors(index_t channels) { return channels > 0 && channels % 8 == 0; }

bool by_planes(const ConvShape& s) {
  return s.channels <= kMostPlanes && !in_short_vectors(s.channels);
}

// What multiplies values that are rounded first, where that was asked for and is faster; else null.
const kernels::GemmBf16Table* rounded_products(const ConvShape& s) {
  const kernels::GemmBf16Table& table = kernels::active().gemm_bf16;
  const bool rounds = s.products == Products::bf16 && !by_planes(s);
  return rounds && kernels::multiplies_codes(table) ? &table : nullptr;
}

kernels::WinogradKernels winograd_kernels(const ConvShape& s) {
  return {kernels::active().conv_f32, kernels::active().gemm_f32, rounded_products(s)};
}

// A matrix packed for products with rows of floats, which are rounded if `rounds` is given. In a
// buffer of this thread: one at a time.
class WeightPanels {
 public:
  // Of b[p * row + j * col], k x n.
  WeightPanels(const kernels::GemmBf16Table* rounds, const float* b, index_t row, index_t col,
               index_t k, index_t n) {
    if (rounds != nullptr) {
      const auto layout = kernels::PackedPanels::layout(rounds->shape, n, k);
      auto* packed = t_panels.reserve<std::byte>(layout.bytes());
      kernels::pack_panels_bf16({b, row, col}, *rounds, layout, packed);
      codes_ = {rounds, packed, k, n};
    } else {
      const auto& gemm = kernels::active().gemm_f32;
      float* packed = t_panels.reserve<float>(kernels::panel_floats(gemm, k, n));
      kernels::pack_panels(gemm, b, row, col, k, n, packed);
      floats_ = {&gemm, packed, k, n};
    }
  }
  // y = rows B (+ bias), on this thread.
  void multiply(const kernels::Rows& rows, float* y, index_t y_row, const float* bias) const {
    if (codes_.table != nullptr) return codes_.multiply(rows, {y, y_row, false, bias});
    floats_.multiply(rows, y, y_row, bias, 0, floats_.count());
  }

 private:
  kernels::PanelView floats_;
  kernels::CodePanelView codes_;
};

// Decided for one image, so that a batch gives the same bits as its images one by one. Tiles that
// are mostly cut off do not save anything.
bool uses_winograd(const ConvShape& s) {
  const Window2d& w = s.window;
  if (!kernels::winograd_fits(w) || w.pad_h > 2) return false;
  if (!in_vectors(s.channels) || !in_vectors(s.out_channels)) return false;
  const index_t results = w.out_height() * w.out_width();
  const index_t tiles = ((w.out_height() + 3) / 4) * ((w.out_width() + 3) / 4);
  return 9 * results >= 3 * kernels::kWinogradCount * tiles / 2;
}

kernels::WinogradShape winograd_shape(const ConvShape& s) {
  return {s.batch, s.window.height, s.window.width, s.window.pad_h, s.channels, s.out_channels};
}

// Whether both are codes that Winograd's transforms can read and write themselves.
bool both_codes(DType a, DType b) { return a == DType::bf16 && b == DType::bf16; }

// Gradients as the products of windows take them.
Array floats_or_codes(const Array& grad) {
  return grad.dtype() == DType::bf16 ? grad : cast(grad, DType::f32);
}

// taps (kh kw, rows, cols) as winograd_pack takes them; results are of x's type.
template <class T>
Array winograd_of(const kernels::WinogradKernels& k, const Array& x, const Array& taps,
                  const Array& bias, const kernels::WinogradShape& s) {
  const Array zeros = bias.defined() ? bias : Array::zeros({s.out});
  const Array y = empty_channels_last({s.images, s.out, s.out_height(), s.out_width()}, x.dtype());
  auto* weights = t_panels.reserve<std::byte>(kernels::winograd_packed_bytes(k, s.in, s.out));
  kernels::winograd_pack(k, taps.data<float>(), s.in, s.out, weights);
  kernels::WinogradCall<T> call;
  call.shape = s, call.x = x.data<T>(), call.weights = weights;
  call.bias = zeros.data<float>(), call.y = y.data<T>();
  const index_t tiles = s.tiles(), most = kernels::winograd_block(k, s);
  const index_t blocks = (tiles + most - 1) / most;
  parallel_for(blocks, 1, [&](index_t begin, index_t end) {
    float* work = t_work.reserve<float>(kernels::winograd_workspace(most, s));
    for (index_t i = begin; i < end; ++i) {
      kernels::winograd_tiles(k, call, tiles * i / blocks, tiles * (i + 1) / blocks, work);
    }
  });
  return y;
}

Array winograd(const kernels::WinogradKernels& k, const Array& images, const Array& taps,
               const Array& bias, const kernels::WinogradShape& s, DType type) {
  const Array x = to_channels_last(images);
  if (both_codes(x.dtype(), type)) return winograd_of<std::uint16_t>(k, x, taps, bias, s);
  return cast(winograd_of<float>(k, cast(x, DType::f32), taps, bias, s), type);
}

kernels::WindowSource windows_of(const ConvShape& s) {
  return {s.window, s.channels, 0, s.channels, by_planes(s)};
}

// Rows of results that are computed together.
index_t rows_at_once(const ConvShape& s, index_t depth, index_t floats, index_t most) {
  const index_t results = std::clamp<index_t>(floats / depth, 16, most);
  return std::max<index_t>(1, results / s.window.out_width());
}

// fn(first row, rows) over all rows of results, in parallel.
template <class Fn>
void each_rows(const ConvShape& s, index_t at_once, Fn fn) {
  const index_t rows = s.batch * s.window.out_height(), chunks = (rows + at_once - 1) / at_once;
  parallel_for(chunks, 1, [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
      fn(i * at_once, std::min(at_once, rows - i * at_once));
    }
  });
}

// Images as the windows are copied from: planes, or pixels.
Array as_stored(const Array& x, const ConvShape& s) {
  return by_planes(s) ? x.contiguous() : to_channels_last(x);
}
// (O, C, kh, kw) as (O, depth) with the depth in the order of windows, and back.
Array turned_weight(const Array& weight, const ConvShape& s) {
  return by_planes(s) ? weight.contiguous() : pixels_of(weight).contiguous();
}

Array direct(const Array& x, const Array& weight, const Array& bias, const ConvShape& s,
             DType type) {
  const Array in = as_stored(x, s), w = turned_weight(weight, s);
  const kernels::WindowSource windows = windows_of(s);
  const index_t out = s.out_channels, width = s.window.out_width(), depth = windows.depth();
  const WeightPanels panels(rounded_products(s), w.data<float>(), 1, depth, depth, out);
  const bool rounds = type == DType::bf16;
  const Array y = empty_channels_last({s.batch, out, s.window.out_height(), width},
                                      rounds ? DType::bf16 : DType::f32);
  const index_t at_once = rows_at_once(s, depth, kWindowFloats, kPixels);
  const index_t window_floats = windows.floats(at_once * width), line = width * out;
  each_rows(s, at_once, [&](index_t first, index_t count) {
    float* work = t_work.reserve<float>(window_floats + (rounds ? at_once * line : 0));
    const LinesOut lines(y, line, work + window_floats);
    panels.multiply(windows.rows(in.data<float>(), first, count, work), lines.at(first), out,
                    bias.defined() ? bias.data<float>() : nullptr);
    lines.done(first, count);
  });
  return cast(y, type);
}

// Images of dy, each spread over the windows it came from; of its type, summed as floats. Images
// are independent of each other.
Array direct_grad_input(const Array& dy, const Array& weight, const ConvShape& s) {
  const Array w = turned_weight(weight, s);
  const index_t out = s.out_channels, width = s.window.out_width();
  const index_t depth = w.size() / out, height = s.window.out_height();
  const WeightPanels panels(rounded_products(s), w.data<float>(), depth, 1, out, depth);
  const Array dx =
      empty_channels_last({s.batch, s.channels, s.window.height, s.window.width}, dy.dtype());
  const index_t at_once = rows_at_once(s, depth, kWindowFloats, kPixels);
  const index_t image = s.channels * s.window.height * s.window.width;
  const index_t line = width * out, windows_at_once = at_once * width * depth;
  const bool codes = dy.dtype() == DType::bf16;
  const kernels::WindowRows windows(s.window, s.channels, 0, s.channels);
  parallel_for(s.batch, 1, [&](index_t begin, index_t end) {
    float* work = t_work.reserve<float>(windows_at_once + (codes ? image + at_once * line : 0));
    float* grads = work + windows_at_once;
    const LinesOut images(dx, image, grads + at_once * line);
    for (index_t n = begin; n < end; ++n) {
      float* to = images.at(n);
      std::fill_n(to, image, 0.0f);
      for (index_t y = 0; y < height; y += at_once) {
        const index_t rows = std::min(at_once, height - y);
        const float* from = floats_of(dy, (n * height + y) * line, rows * line, grads);
        panels.multiply({from, out, 1, rows * width}, work, depth, nullptr);
        for (index_t i = 0; i < rows; ++i) windows.add(work + i * width * depth, y + i, to);
      }
      images.done(n, 1);
    }
  });
  return dx;
}

// dW (depth x O) = windows^T dy, in a fixed number of parts that are then joined in order.
Array direct_grad_weight(const Array& dy, const Array& x, const ConvShape& s) {
  constexpr index_t kParts = 8, kPartFloats = index_t{1} << 22, kMostResults = 1024;
  const Array in = as_stored(x, s);
  const kernels::WindowSource windows = windows_of(s);
  const index_t out = s.out_channels, width = s.window.out_width(), depth = windows.depth();
  const index_t rows = s.batch * s.window.out_height();
  const index_t parts = std::clamp<index_t>(kPartFloats / (depth * out), 1, std::min(kParts, rows));
  const index_t at_once = rows_at_once(s, depth, 2 * kWindowFloats, kMostResults);
  const Array partial = Array::zeros({parts, depth, out});
  const index_t window_floats = windows.floats(at_once * width), line = width * out;
  const auto* rounds = rounded_products(s);
  parallel_for(parts, 1, [&](index_t begin, index_t end) {
    float* work = t_work.reserve<float>(window_floats + at_once * line);
    for (index_t part = begin; part < end; ++part) {
      const index_t last = rows * (part + 1) / parts;
      for (index_t row = rows * part / parts; row < last; row += at_once) {
        const index_t count = std::min(at_once, last - row);
        const auto a = windows.rows(in.data<float>(), row, count, work);
        kernels::Gemm g;
        g.m = depth, g.n = out, g.k = a.count;
        g.a = a.a, g.a_row = a.step, g.a_col = a.row;
        g.b = floats_of(dy, row * line, count * line, work + window_floats), g.b_row = out;
        g.c = partial.data<float>() + part * depth * out, g.c_row = out;
        g.accumulate = true;
        rounds != nullptr ? kernels::gemm_bf16(g, *rounds) : kernels::gemm(g);
      }
    }
  });
  return sum(partial, Dims{0});
}

}  // namespace

bool convolves_images(const ConvShape& s) {
  if (s.groups != 1) return false;
  const bool windows = s.window.kernel_h * s.window.kernel_w > 1;
  if (windows && in_short_vectors(s.channels) && s.out_channels >= kernels::kChannelBlock &&
      in_short_vectors(s.out_channels)) {
    return true;
  }
  return in_vectors(s.out_channels) && (in_vectors(s.channels) || by_planes(s));
}
bool grads_images(const ConvShape& s) { return convolves_images(s) && !by_planes(s); }

Array conv2d_images(const Array& x, const Array& weight, const Array& bias, const ConvShape& s,
                    DType type) {
  kernels::count_call(kernels::Family::gemm);
  if (!uses_winograd(s)) return direct(cast(x, DType::f32), weight, bias, s, type);
  const Array taps = weight.permute({2, 3, 1, 0}).contiguous();
  return winograd(winograd_kernels(s), x, taps, bias, winograd_shape(s), type);
}

Array conv2d_images_grad_input(const Array& grad, const Array& weight, const ConvShape& s) {
  kernels::count_call(kernels::Family::gemm);
  if (!uses_winograd(s)) {
    return direct_grad_input(to_channels_last(floats_or_codes(grad)), weight, s);
  }
  // A convolution of dy with the weights turned around, in and out exchanged.
  const Array taps = weight.flip(2).flip(3).permute({2, 3, 0, 1}).contiguous();
  const Window2d& w = s.window;
  return winograd(winograd_kernels(s), grad, taps, Array(),
                  {s.batch, w.out_height(), w.out_width(), 2 - w.pad_h, s.out_channels, s.channels},
                  grad.dtype());
}

Array conv2d_images_grad_weight(const Array& grad, const Array& x, const ConvShape& s) {
  kernels::count_call(kernels::Family::gemm);
  const Window2d& w = s.window;
  if (!uses_winograd(s)) {
    const Array dy = to_channels_last(floats_or_codes(grad)), in = cast(x, DType::f32);
    const Array dw = direct_grad_weight(dy, in, s).transpose(0, 1);
    if (by_planes(s)) return dw.reshape({s.out_channels, s.channels, w.kernel_h, w.kernel_w});
    return images_of(dw.reshape({s.out_channels, w.kernel_h, w.kernel_w, s.channels})).contiguous();
  }
  const Array taps = Array::empty({3, 3, s.channels, s.out_channels});
  const auto run = [&]<class T>(const Array& dy, const Array& in, T) {
    kernels::winograd_weights_grad(winograd_kernels(s), winograd_shape(s), in.data<T>(),
                                   dy.data<T>(), taps.data<float>());
  };
  const Array dy = to_channels_last(grad), in = to_channels_last(x);
  if (both_codes(dy.dtype(), in.dtype())) {
    run(dy, in, std::uint16_t{});
  } else {
    run(cast(dy, DType::f32), cast(in, DType::f32), float{});
  }
  return taps.permute({3, 2, 0, 1}).contiguous();
}

}  // namespace tt::ops
