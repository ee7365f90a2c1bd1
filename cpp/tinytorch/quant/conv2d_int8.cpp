#include "tinytorch/quant/conv2d_int8.hpp"

#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/ops/conv.hpp"
#include "tinytorch/quant/images_s8.hpp"
#include "tinytorch/quant/linear_int8.hpp"
#include "tinytorch/quant/per_channel.hpp"

namespace tt::quant {
namespace {

// Calls fn(index in (out, in, kh, kw), index in (out, kh, kw, in)): the images hold their channels
// innermost, so the packed kernels do too.
template <class Fn>
void for_each_weight(const Shape& s, Fn&& fn) {
  index_t plain = 0;
  for (index_t o = 0; o < s[0]; ++o) {
    for (index_t c = 0; c < s[1]; ++c) {
      for (index_t k = 0; k < s[2] * s[3]; ++k) {
        fn(plain++, (o * s[2] * s[3] + k) * s[1] + c);
      }
    }
  }
}

}  // namespace

Conv2dInt8::Conv2dInt8(const Array& weight, const Array& scales, const Array& bias,
                       const kernels::Window2d& window, index_t groups, float input_scale)
    : window_(window), input_scale_(input_scale) {
  check_per_channel("Conv2dInt8", weight, scales, bias, 4);
  check_input_scale("Conv2dInt8", input_scale);
  if (groups < 1 || weight.shape(0) % groups != 0) {
    fail<ValueError>("Conv2dInt8: groups must divide out_channels=", weight.shape(0), ", got ",
                     groups);
  }
  weight_shape_ = weight.shape();
  const Array plain = weight.contiguous();
  const Array reordered = Array::empty(weight_shape_, DType::i8);
  auto* to = reordered.data<std::int8_t>();
  for_each_weight(weight_shape_,
                  [&](index_t from, index_t at) { to[at] = plain.data<std::int8_t>()[from]; });
  const index_t rows = weight_shape_[0] / groups;
  const index_t depth = weight_shape_[1] * weight_shape_[2] * weight_shape_[3];
  for (index_t g = 0; g < groups; ++g) {
    groups_.push_back(kernels::pack_s8(to + g * rows * depth, rows, depth));
  }
  scales_ = scales.copy();
  if (bias.defined()) bias_ = bias.copy();
}

Conv2dInt8 Conv2dInt8::from_float(const Array& weight, const Array& bias,
                                  const kernels::Window2d& window, index_t groups,
                                  float input_scale) {
  if (weight.ndim() != 4) {
    fail<ShapeError>("Conv2dInt8 quantizes a weight of shape (out, in / groups, kh, kw), got ",
                     to_string(weight.shape()));
  }
  const PerChannel quantized = quantize_per_channel(weight);
  return Conv2dInt8(quantized.q, quantized.scales, bias.defined() ? bias.astype(DType::f32) : bias,
                    window, groups, input_scale);
}

Array Conv2dInt8::forward(const Array& x) const {
  kernels::count_call(kernels::Family::gemm_s8);
  // The shape of the weight is all that conv_shape reads of it.
  const Array like_weight = Array::zeros({}, DType::i8).expand(weight_shape_);
  const ops::ConvShape shape = ops::conv_shape(x, like_weight, bias_, window_, groups());
  const ImagesS8 images(x.astype(DType::f32).contiguous(), shape, input_scale_);
  const Array y = Array::empty(
      {shape.batch, shape.out_channels, shape.window.out_height(), shape.window.out_width()});
  images.convolve(groups_, scales_.data<float>(), bias_.defined() ? bias_.data<float>() : nullptr,
                  y.data<float>());
  return y;
}

Array Conv2dInt8::weight() const {
  const Array packed = Array::empty(weight_shape_, DType::i8);
  auto* p = packed.data<std::int8_t>();
  for (const auto& group : groups_) {
    kernels::unpack_s8(group, p);
    p += group.n * group.k;
  }
  const Array plain = Array::empty(weight_shape_, DType::i8);
  for_each_weight(weight_shape_, [&](index_t to, index_t at) {
    plain.data<std::int8_t>()[to] = packed.data<std::int8_t>()[at];
  });
  return plain;
}

std::size_t Conv2dInt8::stored_bytes() const {
  return static_cast<std::size_t>(numel(weight_shape_)) + side_bytes(scales_, bias_, input_scale_);
}

}  // namespace tt::quant
