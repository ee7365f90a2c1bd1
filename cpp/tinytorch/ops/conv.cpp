#include "tinytorch/ops/conv.hpp"

#include <algorithm>
#include <mutex>
#include <vector>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/conv/im2col.hpp"
#include "tinytorch/kernels/gemm_f32/gemm.hpp"
#include "tinytorch/ops/conv_depthwise.hpp"
#include "tinytorch/ops/conv_images.hpp"
#include "tinytorch/ops/conv_tiles.hpp"
#include "tinytorch/ops/elementwise.hpp"
#include "tinytorch/ops/matmul.hpp"
#include "tinytorch/ops/reduce.hpp"

namespace tt::ops {
namespace {

constexpr index_t kWeightGradParts = 8;

// Column buffers, one per thread that is inside the loop at once; taken and given back.
template <class T>
class Scratch {
 public:
  explicit Scratch(index_t size) : size_(size) {}

  class Buffer {
   public:
    explicit Buffer(Scratch& from) : from_(from), array_(from.take()) {}
    ~Buffer() {
      std::lock_guard lock(from_.mutex_);
      from_.free_.push_back(std::move(array_));
    }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    T* data() const { return array_.template data<T>(); }

   private:
    Scratch& from_;
    Array array_;
  };

 private:
  Array take() {
    {
      std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        Array buffer = std::move(free_.back());
        free_.pop_back();
        return buffer;
      }
    }
    return Array::empty({size_}, dtype_of<T>::value);
  }

  index_t size_;
  std::mutex mutex_;
  std::vector<Array> free_;
};

// The sizes of one group's matrices: weights (rows x depth), columns (depth x area).
struct Group {
  index_t rows, depth, area, channels;
  bool direct;  // 1x1, stride 1, no padding: the image is its own columns
};

Group group_of(const ConvShape& s) {
  const auto& w = s.window;
  const index_t channels = s.channels / s.groups, taps = w.kernel_h * w.kernel_w;
  const bool direct =
      taps == 1 && w.stride_h == 1 && w.stride_w == 1 && w.pad_h == 0 && w.pad_w == 0;
  return {s.out_channels / s.groups, channels * taps, w.out_height() * w.out_width(), channels,
          direct};
}

template <class T>
const T* columns_of(const T* image, const ConvShape& s, const Group& g, T* buffer) {
  if (g.direct) return image;
  kernels::im2col(image, s.window, 0, g.channels, buffer, g.area);
  return buffer;
}

// Small images go side by side through one product, whose weights are then read less often.
index_t images_at_once(const Group& g, index_t batch) {
  constexpr index_t kColumns = 512;
  return g.direct || g.area == 0 ? 1 : std::clamp<index_t>(kColumns / g.area, 1, batch);
}

template <class T>
void copy_rows(const T* from, index_t from_row, T* to, index_t to_row, index_t rows,
               index_t count) {
  for (index_t r = 0; r < rows; ++r) std::copy_n(from + r * from_row, count, to + r * to_row);
}

// fn(image index, buffer) for every image: side by side if there are several, else with the
// matrix product using all threads.
template <class T, class Fn>
void each_image(index_t batch, index_t buffer_size, Fn fn) {
  Scratch<T> scratch(buffer_size);
  const auto one = [&](index_t n) {
    const typename Scratch<T>::Buffer buffer(scratch);
    fn(n, buffer.data());
  };
  if (batch == 1) {
    one(0);
    return;
  }
  parallel_for(batch, 1, [&](index_t begin, index_t end) {
    for (index_t n = begin; n < end; ++n) one(n);
  });
}

// The results of one group for images [n, n + count): straight into y if it is one image.
template <class T>
void forward_images(const T* x, const T* w, const T* bias, T* y, const ConvShape& s, index_t k,
                    index_t n, index_t count, T* buffer) {
  const Group g = group_of(s);
  const index_t plane = s.window.height * s.window.width, row = count * g.area;
  const auto image = [&](index_t i) { return x + ((n + i) * s.channels + k * g.channels) * plane; };
  const auto result = [&](index_t i) {
    return y + ((n + i) * s.out_channels + k * g.rows) * g.area;
  };
  for (index_t i = 0; i < count && !g.direct; ++i) {
    kernels::im2col(image(i), s.window, 0, g.channels, buffer + i * g.area, row);
  }
  kernels::GemmOf<T> p;
  p.m = g.rows, p.n = row, p.k = g.depth;
  p.a = w + k * g.rows * g.depth, p.a_row = g.depth;
  p.b = g.direct ? image(0) : buffer, p.b_row = row;
  p.c = count == 1 ? result(0) : buffer + g.depth * row, p.c_row = row;
  if (bias != nullptr) {
    for (index_t r = 0; r < g.rows; ++r) std::fill_n(p.c + r * row, row, bias[k * g.rows + r]);
  }
  p.accumulate = bias != nullptr;
  multiply(p, s.products);
  for (index_t i = 0; i < count && count > 1; ++i) {
    copy_rows(p.c + i * g.area, row, result(i), g.area, g.rows, g.area);
  }
}

// Calls fn(group, first image, images, buffer) for all images, some at once.
template <class T, class Fn>
void each_few_images(const ConvShape& s, Fn fn) {
  const Group g = group_of(s);
  const index_t few = images_at_once(g, s.batch);
  const index_t columns = g.direct ? 0 : g.depth;
  const index_t floats = (columns + (few > 1 ? g.rows : 0)) * few * g.area;
  each_image<T>((s.batch + few - 1) / few, floats, [&](index_t i, T* buffer) {
    for (index_t k = 0; k < s.groups; ++k) {
      fn(k, i * few, std::min(few, s.batch - i * few), buffer);
    }
  });
}

template <class T>
void forward(const T* x, const T* w, const T* bias, T* y, const ConvShape& s) {
  each_few_images<T>(s, [&](index_t k, index_t n, index_t count, T* buffer) {
    forward_images(x, w, bias, y, s, k, n, count, buffer);
  });
}

// w: turned weights, (depth x rows) of each group.
template <class T>
void grad_input(const T* dy, const T* w, T* dx, const ConvShape& s) {
  const Group g = group_of(s);
  const index_t plane = s.window.height * s.window.width;
  each_few_images<T>(s, [&](index_t k, index_t n, index_t count, T* buffer) {
    const index_t row = count * g.area;
    const auto image = [&](index_t i) {
      return dx + ((n + i) * s.channels + k * g.channels) * plane;
    };
    const T* results = dy + (n * s.out_channels + k * g.rows) * g.area;
    if (count > 1) {
      T* side = buffer + g.depth * row;
      for (index_t i = 0; i < count; ++i) {
        copy_rows(results + i * s.out_channels * g.area, g.area, side + i * g.area, row, g.rows,
                  g.area);
      }
      results = side;
    }
    kernels::GemmOf<T> p;
    p.m = g.depth, p.n = row, p.k = g.rows;
    p.a = w + k * g.rows * g.depth, p.a_row = g.rows;
    p.b = results, p.b_row = row;
    p.c = g.direct ? image(0) : buffer, p.c_row = row;
    multiply(p, s.products);
    for (index_t i = 0; i < count && !g.direct; ++i) {
      kernels::col2im(buffer + i * g.area, row, s.window, 0, g.channels, image(i));
    }
  });
}

// dw^T += columns(x[n]) dy[n]^T for images [first, last): so the many columns are read along their
// rows, and only the gradient is turned. A group's dw^T is (depth x rows).
template <class T>
void grad_weight(const T* dy, const T* x, T* turned, const ConvShape& s, index_t first,
                 index_t last, T* buffer) {
  const Group g = group_of(s);
  const index_t plane = s.window.height * s.window.width;
  for (index_t n = first; n < last; ++n) {
    for (index_t k = 0; k < s.groups; ++k) {
      const T* image = x + (n * s.channels + k * g.channels) * plane;
      kernels::GemmOf<T> p;
      p.m = g.depth, p.n = g.rows, p.k = g.area;
      p.a = columns_of(image, s, g, buffer), p.a_row = g.area;
      p.b = dy + (n * s.out_channels + k * g.rows) * g.area, p.b_row = 1, p.b_col = g.area;
      p.c = turned + k * g.depth * g.rows, p.c_row = g.rows;
      p.accumulate = true;
      multiply(p, s.products);
    }
  }
}

void check_window(const kernels::Window2d& w, const char* what) {
  if (w.kernel_h < 1 || w.kernel_w < 1 || w.stride_h < 1 || w.stride_w < 1 || w.pad_h < 0 ||
      w.pad_w < 0 || w.dilation_h < 1 || w.dilation_w < 1) {
    fail<ValueError>(what,
                     " needs kernel, stride and dilation of at least 1 and padding of at "
                     "least 0; got kernel (",
                     w.kernel_h, ", ", w.kernel_w, "), stride (", w.stride_h, ", ", w.stride_w,
                     "), padding (", w.pad_h, ", ", w.pad_w, "), dilation (", w.dilation_h, ", ",
                     w.dilation_w, ")");
  }
  constexpr index_t kLimit = index_t{1} << 30;
  for (index_t v : {w.kernel_h, w.kernel_w, w.stride_h, w.stride_w, w.pad_h, w.pad_w, w.dilation_h,
                    w.dilation_w}) {
    if (v > kLimit) fail<ValueError>(what, ": ", v, " is too large");
  }
}

// Images (or their results, with gradients) of some size on both sides, computed as float32: what
// the convolutions for certain shapes take.
bool fits_kernels(const Array& x, const ConvShape& s) {
  const auto& w = s.window;
  return x.dtype() != DType::f64 && x.size() > 0 && w.height * w.width > 0 &&
         w.out_height() * w.out_width() > 0;
}
bool as_tiles(const Array& x, const ConvShape& s) {
  return convolves_tiles(s) && fits_kernels(x, s);
}
bool as_images(const Array& x, const ConvShape& s) {
  return convolves_images(s) && fits_kernels(x, s);
}
bool as_depthwise(const Array& x, const ConvShape& s) {
  return convolves_depthwise(s) && fits_kernels(x, s);
}

Shape output_shape(const ConvShape& s) {
  return {s.batch, s.out_channels, s.window.out_height(), s.window.out_width()};
}

}  // namespace

ConvShape conv_shape(const Array& x, const Array& weight, const Array& bias,
                     kernels::Window2d window, index_t groups) {
  if (x.ndim() != 4) {
    fail<ShapeError>("Expected 4D input (batch, channels, height, width), got ", x.ndim(),
                     "D with shape ", to_string(x.shape()));
  }
  if (weight.ndim() != 4) {
    fail<ShapeError>("conv2d needs a weight of shape (out, in / groups, kh, kw), got ",
                     to_string(weight.shape()));
  }
  const index_t channels = x.shape(1), out = weight.shape(0);
  if (groups < 1 || channels % groups != 0 || out % groups != 0) {
    fail<ValueError>("groups must divide both channels (", channels, ") and output channels (", out,
                     "), got ", groups);
  }
  if (weight.shape(1) * groups != channels) {
    fail<ShapeError>("conv2d: input has ", channels, " channels, but the weight of shape ",
                     to_string(weight.shape()), " with ", groups, " group(s) expects ",
                     weight.shape(1) * groups);
  }
  if (bias.defined() && !(bias.shape() == Shape{out})) {
    fail<ShapeError>("conv2d needs a bias of shape (", out, ",), got ", to_string(bias.shape()));
  }
  window.height = x.shape(2), window.width = x.shape(3);
  window.kernel_h = weight.shape(2), window.kernel_w = weight.shape(3);
  check_window(window, "conv2d");
  return {window, x.shape(0), channels, out, groups, Products::full};
}

Array conv2d(const Array& x, const Array& weight, const Array& bias, const ConvShape& shape) {
  const DType compute = compute_type(x.dtype());
  const Array w = weight.astype(compute).contiguous();
  const Array b = bias.defined() ? bias.astype(compute).contiguous() : bias;
  if (as_tiles(x, shape)) return conv2d_tiles(x, w, b, shape);
  const bool rounds = shape.products == Products::bf16 && compute == DType::f32;
  const DType type = rounds ? DType::bf16 : is_half(x.dtype()) ? x.dtype() : compute;
  if (as_images(x, shape)) return conv2d_images(x, w, b, shape, type);
  if (as_depthwise(x, shape)) return conv2d_depthwise(x, w, b, shape, type);
  const Array in = to_compute(x), rows = in.contiguous(),
              y = Array::empty(output_shape(shape), in.dtype());
  if (y.size() == 0) return from_compute(y, type);
  visit_float(in.dtype(), "conv2d", [&](auto tag) {
    using T = typename decltype(tag)::type;
    forward<T>(rows.data<T>(), w.data<T>(), b.defined() ? b.data<T>() : nullptr, y.data<T>(),
               shape);
  });
  return from_compute(y, type);
}

Array conv2d_grad_input(const Array& given, const Array& weight, const ConvShape& shape) {
  if (as_tiles(given, shape))
    return conv2d_tiles_grad_input(given, weight.astype(DType::f32), shape);
  if (as_images(given, shape) && grads_images(shape)) {
    return conv2d_images_grad_input(given, weight.astype(DType::f32), shape);
  }
  if (as_depthwise(given, shape)) {
    return conv2d_depthwise_grad_input(given, weight.astype(DType::f32), shape);
  }
  const Array dy = to_compute(given);
  const Group group = group_of(shape);
  const Array g = dy.contiguous();
  const Array w = weight.astype(dy.dtype())
                      .reshape({shape.groups, group.rows, group.depth})
                      .transpose(1, 2)
                      .contiguous();
  const Array dx = Array::zeros(
      {shape.batch, shape.channels, shape.window.height, shape.window.width}, dy.dtype());
  if (g.size() == 0 || dx.size() == 0) return dx;
  visit_float(dy.dtype(), "conv2d", [&](auto tag) {
    using T = typename decltype(tag)::type;
    grad_input<T>(g.data<T>(), w.data<T>(), dx.data<T>(), shape);
  });
  return dx;
}

Array conv2d_grad_weight(const Array& given, const Array& x, const ConvShape& shape) {
  if (as_tiles(given, shape) && x.size() > 0) return conv2d_tiles_grad_weight(given, x, shape);
  if (as_images(given, shape) && x.size() > 0) return conv2d_images_grad_weight(given, x, shape);
  if (as_depthwise(given, shape) && x.size() > 0) {
    return conv2d_depthwise_grad_weight(given, x, shape);
  }
  const Array in = to_compute(x);
  const Array dy = to_compute(given);
  const Array g = dy.contiguous(), rows = in.astype(dy.dtype()).contiguous();
  const Group group = group_of(shape);
  const index_t parts = std::clamp<index_t>(shape.batch, 1, kWeightGradParts);
  const index_t per_part = (shape.batch + parts - 1) / parts;
  const Array partial = Array::zeros({parts, shape.groups, group.depth, group.rows}, dy.dtype());
  if (g.size() > 0 && rows.size() > 0) {
    visit_float(dy.dtype(), "conv2d", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const index_t weights = partial.size() / parts;
      const index_t columns = group.direct ? 0 : group.depth * group.area;
      each_image<T>(parts, columns, [&](index_t part, T* buffer) {
        const index_t first = std::min(part * per_part, shape.batch);
        const index_t last = std::min(first + per_part, shape.batch);
        grad_weight<T>(g.data<T>(), rows.data<T>(), partial.data<T>() + part * weights, shape,
                       first, last, buffer);
      });
    });
  }
  const auto& w = shape.window;
  return sum(partial, Dims{0})
      .transpose(1, 2)
      .reshape({shape.out_channels, group.channels, w.kernel_h, w.kernel_w});
}

kernels::Window2d pool_window(const Array& x, kernels::Window2d window) {
  if (x.ndim() != 4) {
    fail<ShapeError>("Expected 4D input (batch, channels, height, width), got ", x.ndim(),
                     "D with shape ", to_string(x.shape()));
  }
  window.height = x.shape(2), window.width = x.shape(3);
  check_window(window, "pooling");
  return window;
}

}  // namespace tt::ops
