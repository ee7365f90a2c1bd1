#include "tinytorch/quant/conv2d_int8.hpp"

#include <utility>

#include "tinytorch/quant/images_s8.hpp"
#include "tinytorch/quant/linear_int8.hpp"
#include "tinytorch/quant/per_channel.hpp"

namespace tt::quant {
namespace {

void check_geometry(const ConvGeometry& g, const Shape& weight) {
  for (const int axis : {0, 1}) {
    if (g.stride[axis] < 1 || g.dilation[axis] < 1 || g.padding[axis] < 0) {
      fail<ValueError>("Conv2dInt8: stride and dilation must be at least 1 and padding at least 0; got ",
                       g.stride[axis], ", ", g.dilation[axis], ", ", g.padding[axis]);
    }
  }
  if (g.groups < 1 || weight[0] % g.groups != 0) {
    fail<ValueError>("Conv2dInt8: groups must divide out_channels=", weight[0], ", got ", g.groups);
  }
}

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
                       const ConvGeometry& geometry, float input_scale)
    : geometry_(geometry), input_scale_(input_scale) {
  check_per_channel("Conv2dInt8", weight, scales, bias, 4);
  check_input_scale("Conv2dInt8", input_scale);
  check_geometry(geometry, weight.shape());
  weight_shape_ = weight.shape();
  const Array plain = weight.contiguous();
  const Array reordered = Array::empty(weight_shape_, DType::i8);
  auto* to = reordered.data<std::int8_t>();
  for_each_weight(weight_shape_, [&](index_t from, index_t at) {
    to[at] = plain.data<std::int8_t>()[from];
  });
  const index_t rows = weight_shape_[0] / geometry.groups;
  const index_t depth = weight_shape_[1] * weight_shape_[2] * weight_shape_[3];
  for (index_t g = 0; g < geometry.groups; ++g) {
    groups_.push_back(kernels::pack_s8(to + g * rows * depth, rows, depth));
  }
  scales_ = scales.copy();
  if (bias.defined()) bias_ = bias.copy();
}

Conv2dInt8 Conv2dInt8::from_float(const Array& weight, const Array& bias,
                                  const ConvGeometry& geometry, float input_scale) {
  if (weight.ndim() != 4) {
    fail<ShapeError>("Conv2dInt8 quantizes a weight of shape (out, in / groups, kh, kw), got ",
                     to_string(weight.shape()));
  }
  const PerChannel quantized = quantize_per_channel(weight);
  return Conv2dInt8(quantized.q, quantized.scales,
                    bias.defined() ? bias.astype(DType::f32) : bias, geometry, input_scale);
}

Array Conv2dInt8::forward(const Array& x) const {
  if (x.ndim() != 4) fail<ShapeError>("Expected 4D input (N, C, H, W), got ", to_string(x.shape()));
  if (x.shape(1) != in_channels()) {
    fail<ShapeError>("Conv2dInt8 expects ", in_channels(), " input channels, got shape ",
                     to_string(x.shape()));
  }
  const ImagesS8 images(x.astype(DType::f32).contiguous(), geometry_, weight_shape_, input_scale_);
  const Array y = Array::empty({x.shape(0), weight_shape_[0], images.out_h(), images.out_w()});
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
