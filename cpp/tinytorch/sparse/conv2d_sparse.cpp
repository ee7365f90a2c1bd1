#include "tinytorch/sparse/conv2d_sparse.hpp"

#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/ops/conv.hpp"
#include "tinytorch/sparse/activations.hpp"
#include "tinytorch/sparse/linear_sparse.hpp"
#include "tinytorch/sparse/panels.hpp"

namespace tt::sparse {
namespace {

// One tap of the window at every lane: pixels [start, start + count) of the output, row-major.
template <class Value>
void fill_tap(const Value* plane, const kernels::Window2d& w, index_t out_w, index_t u, index_t v,
              index_t start, index_t count, index_t lanes, Value* line) {
  for (index_t p = 0; p < lanes; ++p) {
    const index_t pixel = start + p;
    const index_t row = pixel / out_w * w.stride_h - w.pad_h + u * w.dilation_h;
    const index_t col = pixel % out_w * w.stride_w - w.pad_w + v * w.dilation_w;
    const bool inside = p < count && row >= 0 && row < w.height && col >= 0 && col < w.width;
    line[p] = inside ? plane[row * w.width + col] : Value{};
  }
}

// The windows of `channels` planes: taps of a channel together, as the kernels are stored.
template <class Value>
void fill_windows(const Value* planes, index_t channels, const kernels::Window2d& w, index_t start,
                  index_t count, index_t lanes, Value* panel) {
  const index_t out_w = w.out_width();
  for (index_t c = 0; c < channels; ++c) {
    const Value* plane = planes + c * w.height * w.width;
    for (index_t u = 0; u < w.kernel_h; ++u) {
      for (index_t v = 0; v < w.kernel_w; ++v, panel += lanes) {
        fill_tap(plane, w, out_w, u, v, start, count, lanes, panel);
      }
    }
  }
}

// finish(image, row, sum) makes an output value of a sum.
template <class Value, class Finish>
void convolve(const SparseRows& a, const Value* x, const ops::ConvShape& s, float* y,
              const Finish& finish) {
  const index_t area = s.window.out_height() * s.window.out_width();
  const index_t channels = s.channels / s.groups, rows = s.out_channels / s.groups;
  const index_t plane = s.window.height * s.window.width;
  parallel_for(s.batch, 1, [&](index_t begin, index_t end) {
    for (index_t n = begin; n < end; ++n) {
      for (index_t g = 0; g < s.groups; ++g) {
        const Value* planes = x + (n * s.channels + g * channels) * plane;
        for_each_panel<Value>(
            a, g * rows, (g + 1) * rows, area,
            [&](index_t start, index_t count, index_t lanes, Value* panel) {
              fill_windows(planes, channels, s.window, start, count, lanes, panel);
            },
            [&](index_t start, index_t count, index_t row, const SumOf<Value>* sums) {
              float* out = y + (n * s.out_channels + row) * area + start;
              for (index_t p = 0; p < count; ++p) out[p] = finish(n, row, sums[p]);
            });
      }
    }
  });
}

}  // namespace

Conv2dSparse::Conv2dSparse(std::shared_ptr<const SparseRows> weight, const Shape& weight_shape,
                           const Array& bias, const kernels::Window2d& window, index_t groups,
                           float input_scale)
    : weight_(std::move(weight)),
      weight_shape_(weight_shape),
      bias_(checked_bias("sparse Conv2d", bias, weight_->rows())),
      window_(window),
      groups_(groups),
      input_scale_(input_scale) {
  check_static_scale("sparse Conv2d", weight_->is_int8(), input_scale);
  if (weight_shape.size() != 4 || weight_shape[0] != weight_->rows() ||
      numel(weight_shape) != weight_->rows() * weight_->columns()) {
    fail<ShapeError>("sparse Conv2d: a weight of shape ", to_string(weight_shape),
                     " does not fit stored rows of shape (", weight_->rows(), ", ",
                     weight_->columns(), ")");
  }
  if (groups < 1 || weight_->rows() % groups != 0) {
    fail<ValueError>("sparse Conv2d: groups must divide out_channels=", weight_->rows(), ", got ",
                     groups);
  }
}

Array Conv2dSparse::forward(const Array& x) const {
  kernels::count_call(kernels::Family::sparse);
  // The shape of the weight is all that conv_shape reads of it.
  const Array like_weight = Array::zeros({}, DType::i8).expand(weight_shape_);
  const ops::ConvShape shape = ops::conv_shape(x, like_weight, bias_, window_, groups_);
  const Array values = x.astype(DType::f32).contiguous();
  const Array y = Array::empty(
      {shape.batch, shape.out_channels, shape.window.out_height(), shape.window.out_width()});
  const float* bias = bias_.defined() ? bias_.data<float>() : nullptr;
  if (!weight_->is_int8()) {
    convolve(*weight_, values.data<float>(), shape, y.data<float>(),
             [&](index_t, index_t row, float sum) { return bias ? sum + bias[row] : sum; });
    return y;
  }
  const index_t image = shape.channels * shape.window.height * shape.window.width;
  const Activations a =
      quantize_activations(values.data<float>(), shape.batch, image, input_scale_);
  const float* scales = weight_->scales().data<float>();
  convolve<std::int16_t>(*weight_, a.codes.get(), shape, y.data<float>(),
                         [&](index_t n, index_t row, std::int32_t sum) {
                           const float v = static_cast<float>(sum) *
                                           a.scales[static_cast<std::size_t>(n)] * scales[row];
                           return bias ? v + bias[row] : v;
                         });
  return y;
}

std::size_t Conv2dSparse::stored_bytes() const {
  return weight_->stored_bytes() + (bias_.defined() ? bias_.nbytes() : 0) +
         (input_scale_ > 0.0f ? sizeof(float) : 0);
}

}  // namespace tt::sparse
