#include "tinytorch/ops/conv_tiles.hpp"

#include <algorithm>
#include <cstring>

#include "tinytorch/array/channels_last.hpp"
#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/gemm_bf16/pieces.hpp"
#include "tinytorch/kernels/scratch.hpp"
#include "tinytorch/ops/elementwise.hpp"
#include "tinytorch/ops/reduce.hpp"

namespace tt::ops {
namespace {

using kernels::ConvBf16;
using Code = std::uint16_t;

thread_local kernels::ScratchBuffer t_grid, t_weights, t_pairs, t_turned;

void clear(Code* codes, index_t count) {
  std::memset(codes, 0, sizeof(Code) * static_cast<std::size_t>(count));
}

// Channels as the tiles take them: whole multiples, zeros beyond the images' own.
index_t padded(index_t channels) {
  return (channels + ConvBf16::kChannels - 1) / ConvBf16::kChannels * ConvBf16::kChannels;
}

Array as_codes(const Array& images) { return cast(to_channels_last(images), DType::bf16); }

// A grid of positions with `channels` codes each, of which images fill the first `filled`, and how
// an image lies in it: pixel (y, x) at (y step + top, x step + left) / every, for the pixels that
// `every` divides there. `together` grids lie side by side at every position.
struct Grid {
  index_t rows, width, filled;
  index_t top = 0, left = 0;
  index_t step = 1, every = 1;
  index_t together = 1;
  index_t channels = padded(filled);

  index_t codes() const { return rows * width * together * channels; }  // of all

  // Into a grid of zeros, which may be the second, third... of those together.
  void fill(const Code* image, index_t height, index_t image_width, Code* out) const {
    for (index_t y = 0; y < height; ++y) {
      const index_t row = y * step + top;
      if (row < 0 || row % every != 0 || row / every >= rows) continue;
      const Code* line = image + y * image_width * filled;
      Code* to = out + row / every * width * together * channels;
      step == 1 && every == 1 && together == 1 && filled == channels
          ? whole_line(line, image_width, to)
          : pixels(line, image_width, to);
    }
  }

 private:
  void whole_line(const Code* line, index_t image_width, Code* to) const {
    const index_t first = std::max<index_t>(0, -left);
    const index_t last = std::min(image_width, width - left);
    if (first >= last) return;
    std::copy_n(line + first * channels, (last - first) * channels, to + (first + left) * channels);
  }
  void pixels(const Code* line, index_t image_width, Code* to) const {
    for (index_t x = 0; x < image_width; ++x) {
      const index_t at = x * step + left;
      if (at < 0 || at % every != 0 || at / every >= width) continue;
      std::copy_n(line + x * filled, filled, to + at / every * together * channels);
    }
  }
};

// weight (outputs, kh, kw, channels), whose channels are padded.
const Code* packed_weights(const Array& weight) {
  const Shape& s = weight.shape();
  Array w = weight;
  if (const index_t channels = padded(s[3]); channels != s[3]) {
    w = Array::zeros({s[0], s[1], s[2], channels});
    w.slice(3, 0, s[3]).copy_from(weight);
  }
  w = w.contiguous();
  const auto& table = kernels::active().gemm_bf16;
  const index_t outputs = w.shape(0), depth = w.size() / outputs;
  const auto layout = kernels::PackedPanels::layout(table.shape, outputs, depth);
  std::byte* codes = t_weights.reserve<std::byte>(layout.bytes());
  kernels::pack_panels_bf16({w.data<float>(), 1, depth}, table, layout, codes);
  return reinterpret_cast<const Code*>(codes);
}

// Images put into grids and convolved as `form` says, which names all but the data.
Array convolve(const Array& images, Grid grid, ConvBf16 form) {
  kernels::count_call(kernels::Family::gemm_bf16);
  const Array x = as_codes(images);
  const index_t batch = x.shape(0), results = form.outputs * form.out_height * form.out_width;
  const Array y =
      empty_channels_last({batch, form.outputs, form.out_height, form.out_width}, DType::bf16);
  const index_t image = x.size() / batch;
  if (form.out_width < ConvBf16::kTogether && batch > 1) grid.together = ConvBf16::kTogether;
  form.width = grid.width, form.channels = grid.channels;
  const index_t groups = (batch + grid.together - 1) / grid.together;
  parallel_for(groups, 1, [&](index_t begin, index_t end) {
    const index_t codes = grid.codes() + ConvBf16::kSlack * grid.channels;
    ConvBf16 part = form;
    Code* to = t_grid.reserve<Code>(codes);
    for (index_t g = begin; g < end; ++g) {
      const index_t first = g * grid.together;
      Grid places = grid;
      part.grid = to, part.images = std::min(grid.together, batch - first);
      if (part.images == 1) places.together = 1;
      clear(to, codes);
      for (index_t n = 0; n < part.images; ++n) {
        const Code* from = x.data<Code>() + (first + n) * image;
        places.fill(from, x.shape(2), x.shape(3), to + n * grid.channels);
      }
      part.y = y.data<Code>() + first * results;
      kernels::active().conv_bf16.images(part);
    }
  });
  return y;
}

// The gradient with respect to the weights. With the images in grids of which every stride-th row
// and column is one ("phases", stride^2 of them), each tap (u, v) of the window is one product
//   dW[u, v] (O x C) = dy^T (O x positions) grid (positions x C), the grid read from an offset on.
class WeightGrad {
 public:
  explicit WeightGrad(const ConvShape& s) : s_(s), w_(s.window), channels_(padded(s.channels)) {
    rows_ = w_.out_height() + (w_.kernel_h - 1) / w_.stride_h;
    // At least whole pairs of results: they are turned in pairs.
    width_ =
        std::max(w_.out_width() + (w_.kernel_w - 1) / w_.stride_w, (w_.out_width() + 1) / 2 * 2);
    const index_t per_image = rows_ * width_;
    images_ = std::clamp<index_t>(kPositions / per_image, 1, s.batch);
    depth_ = (images_ * per_image + kAlign - 1) / kAlign * kAlign;
    const index_t reach = offset(w_.kernel_h - 1, w_.kernel_w - 1);
    groups_ = (depth_ + reach) / 2 + 1;
    grid_codes_ = (2 * groups_ + 1) * channels_;
    turned_row_ = depth_ * 2 % 1024 == 0 ? depth_ + 32 : depth_;
  }

  // (kh, kw, O, C) of the codes of dy and x. The batch is cut into parts, which threads share out,
  // as the shape says: sums are joined in one order. Where so many sums would take too much
  // memory, threads work on the same images instead.
  Array run(const Array& dy, const Array& x) const {
    const Shape shape{w_.kernel_h, w_.kernel_w, s_.out_channels, channels_};
    const index_t fit = kSums / numel(shape);
    const index_t parts = fit < kFewParts ? 1 : std::min({fit, kParts, s_.batch});
    const Array partial = Array::empty({parts, shape[0], shape[1], shape[2], shape[3]});
    parallel_for(parts, 1, [&](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i) {
        add_up(dy, x, s_.batch * i / parts, s_.batch * (i + 1) / parts,
               partial.data<float>() + i * numel(shape));
      }
    });
    const Array dw = parts == 1 ? partial.reshape(shape) : sum(partial, Dims{0});
    return dw.slice(3, 0, s_.channels);
  }

 private:
  static constexpr index_t kPositions = 2048, kAlign = 32, kRows = 128;
  static constexpr index_t kParts = 8, kFewParts = 4, kSums = index_t{1} << 23;

  // A thread's images as they are multiplied. What lies around images stays zero.
  struct Work {
    Code *grids, *pairs, *turned;
  };

  void add_up(const Array& dy, const Array& x, index_t first, index_t last, float* dw) const {
    const Work work{t_grid.reserve<Code>(phases() * grid_codes_),
                    t_pairs.reserve<Code>(2 * phases() * pair_codes()),
                    t_turned.reserve<Code>(s_.out_channels * turned_row_)};
    for (index_t n = first; n < last; n += images_) {
      throw_if_interrupted();
      const index_t count = std::min(images_, last - n);
      if (n == first || count < images_) {
        clear(work.turned, s_.out_channels * turned_row_);
        clear(work.grids, phases() * grid_codes_);
      }
      prepare(work, dy, x, n, count);
      multiply(work, dw, n > first);
    }
  }

  index_t phases() const { return w_.stride_h * w_.stride_w; }
  index_t offset(index_t u, index_t v) const { return u / w_.stride_h * width_ + v / w_.stride_w; }
  index_t pair_codes() const { return groups_ * 2 * channels_; }

  // Images [first, first + count) as grids, paired from even and from odd positions on; dy turned.
  void prepare(const Work& work, const Array& dy, const Array& x, index_t first,
               index_t count) const {
    const index_t per_image = rows_ * width_, pixels = w_.height * w_.width;
    parallel_for(count, 1, [&](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i) {
        const Code* image = x.data<Code>() + (first + i) * s_.channels * pixels;
        for (index_t p = 0; p < phases(); ++p) {
          const Grid grid{rows_,
                          width_,
                          s_.channels,
                          w_.pad_h - p / w_.stride_w,
                          w_.pad_w - p % w_.stride_w,
                          1,
                          w_.stride_h};
          grid.fill(image, w_.height, w_.width,
                    work.grids + p * grid_codes_ + i * per_image * channels_);
        }
        turn(dy, first + i, work.turned + i * per_image);
      }
    });
    const auto pair = kernels::active().conv_bf16.pair;
    parallel_for(2 * phases(), 1, [&](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i) {
        pair(work.grids + i / 2 * grid_codes_ + i % 2 * channels_, groups_, channels_,
             work.pairs + i * pair_codes(), groups_ * 2 * ConvBf16::kPanel);
      }
    });
  }

  // One image of dy, position by position along the rows of `turned`.
  void turn(const Array& dy, index_t image, Code* turned) const {
    const index_t height = w_.out_height(), width = w_.out_width(), out = s_.out_channels;
    const auto turn_row = kernels::active().conv_bf16.turn;
    for (index_t y = 0; y < height; ++y) {
      turn_row(dy.data<Code>() + (image * height + y) * width * out, width, out,
               turned + y * width_, turned_row_);
    }
  }

  // Some rows of dy^T, which stay in the second-level cache, against all taps and panels.
  void multiply(const Work& work, float* dw, bool accumulate) const {
    const index_t panels = channels_ / ConvBf16::kPanel, taps = w_.kernel_h * w_.kernel_w;
    const index_t blocks = (s_.out_channels + kRows - 1) / kRows;
    parallel_for(blocks * taps * panels, 1, [&](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i) {
        const index_t row = i / (taps * panels) * kRows, tap = i / panels % taps;
        const index_t panel = i % panels;
        const index_t u = tap / w_.kernel_w, v = tap % w_.kernel_w;
        const index_t phase = u % w_.stride_h * w_.stride_w + v % w_.stride_w, at = offset(u, v);
        const Code* pairs = work.pairs + (2 * phase + at % 2) * pair_codes() +
                            (panel * groups_ + at / 2) * 2 * ConvBf16::kPanel;
        kernels::PanelProduct p;
        p.rows = std::min(kRows, s_.out_channels - row);
        p.cols = ConvBf16::kPanel, p.groups = depth_ / 2;
        p.a = reinterpret_cast<const std::byte*>(work.turned + row * turned_row_);
        p.a_row = 2 * turned_row_;
        p.b = reinterpret_cast<const std::byte*>(pairs);
        float* y = dw + (tap * s_.out_channels + row) * channels_ + panel * ConvBf16::kPanel;
        kernels::active().gemm_bf16.multiply(p, {y, channels_, accumulate, nullptr});
      }
    });
  }

  const ConvShape& s_;
  const kernels::Window2d& w_;
  const index_t channels_;
  index_t rows_, width_, images_, depth_, groups_, grid_codes_, turned_row_;
};

}  // namespace

// Fewer channels would leave more than half of a tile empty.
bool convolves_tiles(const ConvShape& s) {
  constexpr index_t kChannelStep = ConvBf16::kChannels / 2;
  const kernels::Window2d& w = s.window;
  return s.products == Products::bf16 && kernels::active().conv_bf16.tiles && s.groups == 1 &&
         s.channels % kChannelStep == 0 && s.out_channels % kChannelStep == 0 &&
         w.stride_h == w.stride_w && w.stride_h <= 2 && w.dilation_h == 1 && w.dilation_w == 1;
}

Array conv2d_tiles(const Array& x, const Array& weight, const Array& bias, const ConvShape& s) {
  const kernels::Window2d& w = s.window;
  ConvBf16 form;
  form.kernel_h = w.kernel_h, form.kernel_w = w.kernel_w, form.stride = w.stride_h;
  form.weights = packed_weights(pixels_of(weight));
  form.bias = bias.defined() ? bias.data<float>() : nullptr;
  form.outputs = s.out_channels;
  form.out_height = w.out_height(), form.out_width = w.out_width();
  const Grid grid{(form.out_height - 1) * w.stride_h + w.kernel_h,
                  (form.out_width - 1) * w.stride_w + w.kernel_w, s.channels, w.pad_h, w.pad_w};
  return convolve(x, grid, form);
}

// A convolution of dy, its pixels `stride` apart, with the weights turned around, in and out
// exchanged.
Array conv2d_tiles_grad_input(const Array& dy, const Array& weight, const ConvShape& s) {
  const kernels::Window2d& w = s.window;
  const Array turned = weight.flip(2).flip(3).permute({1, 2, 3, 0});
  ConvBf16 form;
  form.kernel_h = w.kernel_h, form.kernel_w = w.kernel_w;
  form.weights = packed_weights(turned);
  form.outputs = s.channels;
  form.out_height = w.height, form.out_width = w.width;
  const Grid grid{w.height + w.kernel_h - 1, w.width + w.kernel_w - 1, s.out_channels,
                  w.kernel_h - 1 - w.pad_h,  w.kernel_w - 1 - w.pad_w, w.stride_h};
  return convolve(dy, grid, form);
}

Array conv2d_tiles_grad_weight(const Array& dy, const Array& x, const ConvShape& s) {
  kernels::count_call(kernels::Family::gemm_bf16);
  return WeightGrad(s).run(as_codes(dy), as_codes(x)).permute({2, 3, 0, 1}).contiguous();
}

}  // namespace tt::ops
