#include "tinytorch/runtime/packed_linear.hpp"

#include <type_traits>

#include "tinytorch/base/error.hpp"
#include "tinytorch/quant/per_channel.hpp"

namespace tt::runtime {

PackedLinear::PackedLinear(const Array& weight, const Array& bias, Precision precision) {
  if (weight.ndim() != 2) {
    fail<ShapeError>("a linear layer's weight must have shape (out, in), got ",
                     to_string(weight.shape()));
  }
  out_ = weight.shape(0), in_ = weight.shape(1);
  if (bias.defined()) {
    if (!(bias.shape() == Shape{out_})) {
      fail<ShapeError>("a linear layer with ", out_, " outputs needs a bias of shape (", out_,
                       ",), got ", to_string(bias.shape()));
    }
    const Array plain = bias.astype(DType::f32).contiguous();
    bias_.assign(plain.data<float>(), plain.data<float>() + out_);
  }
  const Array floats = weight.astype(DType::f32);
  const Strides& s = floats.strides();
  const float* w = floats.data<float>();
  switch (precision) {
    case Precision::f32:
      packed_ = kernels::pack_f32(w, s[1], s[0], in_, out_);
      break;
    case Precision::bf16:
      packed_ = kernels::pack_bf16(w, s[1], s[0], in_, out_);
      break;
    case Precision::int8: {
      const quant::PerChannel q = quant::quantize_per_channel(floats);
      const float* scales = q.scales.data<float>();
      packed_ = Int8{kernels::pack_s8(q.q.data<std::int8_t>(), out_, in_),
                     std::vector<float>(scales, scales + out_)};
      break;
    }
    case Precision::int4: {
      const index_t groups = (in_ + kernels::kS4Group - 1) / kernels::kS4Group;
      std::vector<std::int8_t> codes(static_cast<std::size_t>(out_ * groups * kernels::kS4Group));
      std::vector<float> scales(static_cast<std::size_t>(out_ * groups));
      kernels::quantize_s4(floats.contiguous().data<float>(), out_, in_, codes.data(),
                           scales.data());
      packed_ = kernels::pack_s4(codes.data(), scales.data(), out_, in_);
      break;
    }
  }
}

std::size_t PackedLinear::stored_bytes() const {
  const auto weights = static_cast<std::size_t>(in_ * out_);
  const std::size_t bytes = std::visit(
      [&](const auto& packed) -> std::size_t {
        using Packed = std::decay_t<decltype(packed)>;
        if constexpr (std::is_same_v<Packed, kernels::PackedF32>) return 4 * weights;
        if constexpr (std::is_same_v<Packed, kernels::PackedBf16>) return 2 * weights;
        if constexpr (std::is_same_v<Packed, Int8>) return weights + 4 * packed.scales.size();
        if constexpr (std::is_same_v<Packed, kernels::PackedS4>) {
          return static_cast<std::size_t>(packed.bytes());
        }
      },
      packed_);
  return bytes + 4 * bias_.size();
}

void PackedLinear::read_row(index_t output, float* w) const {
  std::visit(
      [&](const auto& packed) {
        using Packed = std::decay_t<decltype(packed)>;
        if constexpr (std::is_same_v<Packed, Int8>) {
          kernels::unpack_row(packed.weights, output,
                              packed.scales[static_cast<std::size_t>(output)], w);
        } else if constexpr (std::is_same_v<Packed, kernels::PackedS4>) {
          kernels::unpack_row(packed, output, w);
        } else {
          kernels::unpack_column(packed, output, w);
        }
      },
      packed_);
}

void PackedLinear::apply(const float* x, index_t m, float* y, bool add_to_y, index_t x_row) const {
  if (x_row == 0) x_row = in_;
  const float* bias = bias_.empty() ? nullptr : bias_.data();
  std::visit(
      [&](const auto& packed) {
        using Packed = std::decay_t<decltype(packed)>;
        if constexpr (std::is_same_v<Packed, kernels::PackedF32>) {
          kernels::gemm_packed(x, m, x_row, packed, {y, out_, add_to_y, bias});
        } else if constexpr (std::is_same_v<Packed, kernels::PackedBf16>) {
          kernels::gemm_bf16(x, m, x_row, packed, {y, out_, add_to_y, bias});
        } else if constexpr (std::is_same_v<Packed, Int8>) {
          kernels::linear_s8(x, m, x_row, packed.weights, packed.scales.data(), bias, y, out_, 0.0f,
                             add_to_y);
        } else {
          kernels::linear_s4(x, m, x_row, packed, bias, y, out_, add_to_y);
        }
      },
      packed_);
}

}  // namespace tt::runtime
