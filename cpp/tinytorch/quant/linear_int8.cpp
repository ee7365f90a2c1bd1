#include "tinytorch/quant/linear_int8.hpp"

#include <cmath>

#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/quant/per_channel.hpp"

namespace tt::quant {

std::size_t side_bytes(const Array& scales, const Array& bias, float input_scale) {
  return scales.nbytes() + (bias.defined() ? bias.nbytes() : 0) +
         (input_scale > 0.0f ? sizeof(float) : 0);
}

void check_input_scale(const char* layer, float input_scale) {
  if (!std::isfinite(input_scale) || input_scale < 0.0f) {
    fail<ValueError>(layer,
                     ": input_scale must be a positive number, or 0 to measure each row; got ",
                     input_scale);
  }
}

LinearInt8::LinearInt8(const Array& weight, const Array& scales, const Array& bias,
                       float input_scale)
    : input_scale_(input_scale) {
  check_per_channel("LinearInt8", weight, scales, bias, 2);
  check_input_scale("LinearInt8", input_scale);
  packed_ =
      kernels::pack_s8(weight.contiguous().data<std::int8_t>(), weight.shape(0), weight.shape(1));
  scales_ = scales.copy();
  if (bias.defined()) bias_ = bias.copy();
}

LinearInt8 LinearInt8::from_float(const Array& weight, const Array& bias, float input_scale) {
  if (weight.ndim() != 2) {
    fail<ShapeError>("LinearInt8 quantizes a weight of shape (out, in), got ",
                     to_string(weight.shape()));
  }
  const PerChannel quantized = quantize_per_channel(weight);
  return LinearInt8(quantized.q, quantized.scales, bias.defined() ? bias.astype(DType::f32) : bias,
                    input_scale);
}

Array LinearInt8::forward(const Array& x) const {
  kernels::count_call(kernels::Family::gemm_s8);
  if (x.ndim() == 0 || x.shape().back() != in_features()) {
    fail<ShapeError>("Inner dimensions must match: LinearInt8 has in_features=", in_features(),
                     ", got an input of shape ", to_string(x.shape()));
  }
  const Array rows = x.astype(DType::f32).contiguous();
  Shape shape = x.shape();
  index_t m = 1;
  for (int d = 0; d + 1 < shape.size(); ++d) m *= shape[d];
  shape[shape.size() - 1] = out_features();
  const Array y = Array::empty(shape, DType::f32);
  kernels::linear_s8(rows.data<float>(), m, in_features(), packed_, scales_.data<float>(),
                     bias_.defined() ? bias_.data<float>() : nullptr, y.data<float>(),
                     out_features(), input_scale_);
  return y;
}

Array LinearInt8::weight() const {
  const Array w = Array::empty({out_features(), in_features()}, DType::i8);
  kernels::unpack_s8(packed_, w.data<std::int8_t>());
  return w;
}

std::size_t LinearInt8::stored_bytes() const {
  return static_cast<std::size_t>(in_features() * out_features()) +
         side_bytes(scales_, bias_, input_scale_);
}

}  // namespace tt::quant
