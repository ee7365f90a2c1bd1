#include "tinytorch/runtime/cnn/conv_s8.hpp"

#include "tinytorch/quant/per_channel.hpp"

namespace tt::runtime {

ConvS8::ConvS8(const StepSourceS8& s, const kernels::PanelShape& shape)
    : kernels(s.base.kernels),
      gemm(s.base.kernels.gemm_s8),
      window(s.base.layer.window),
      groups(s.base.layer.groups),
      pool(s.base.layer.pool),
      height(window.out_height()),
      width(window.out_width()),
      code(gemm.shape.code_bytes),
      in_stored(s.base.from.stored_channels()),
      out_stored(s.base.to.stored_channels()),
      inputs(groups > 1 ? s.base.from.channels / groups : in_stored),
      outputs(s.base.to.channels / groups),
      zero_(s.from.zero) {
  pack(s, shape);
  set_scales(s);
}

std::vector<std::byte> codes_of(int u, index_t bytes, const kernels::GemmS8Table& gemm) {
  const int code = u - 128 + gemm.zero_code;
  std::vector<std::byte> out(static_cast<std::size_t>(bytes));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto byte = static_cast<int>(i) % static_cast<int>(gemm.shape.code_bytes);
    out[i] = static_cast<std::byte>((code >> (8 * byte)) & 255);
  }
  return out;
}

std::vector<std::byte> ConvS8::blank(index_t bytes) const { return codes_of(zero_, bytes, gemm); }

void ConvS8::pack(const StepSourceS8& s, const kernels::PanelShape& shape) {
  const Layer& layer = s.base.layer;
  const index_t taps = window.kernel_h * window.kernel_w;
  const index_t real = s.base.from.channels / groups, depth = taps * inputs;
  const quant::PerChannel q =
      quant::quantize_per_channel(Array::from(layer.weight, {s.base.to.channels, real * taps}));
  weight_scales_.assign(q.scales.data<float>(), q.scales.data<float>() + s.base.to.channels);
  sums_.assign(static_cast<std::size_t>(out_stored), 0);
  if (layer.depthwise(s.base.from, s.base.to)) {
    const auto* codes = q.q.data<std::int8_t>();
    taps_.assign(static_cast<std::size_t>(taps * out_stored), 0);
    for (index_t i = 0; i < outputs * groups * taps; ++i) {
      taps_[static_cast<std::size_t>(i % taps * out_stored + i / taps)] = codes[i];
      sums_[static_cast<std::size_t>(i / taps)] += codes[i];
    }
    return;
  }
  // With one group, rows of zeros fill the results up to whole blocks.
  const index_t rows = groups == 1 ? out_stored : outputs;
  for (index_t g = 0; g < groups; ++g) {
    std::vector<std::int8_t> w(static_cast<std::size_t>(rows * depth), 0);
    for (index_t o = 0; o < outputs; ++o) {
      const index_t out = g * outputs + o;
      for (index_t i = 0; i < real * taps; ++i) {
        const std::int8_t value = q.q.data<std::int8_t>()[out * real * taps + i];
        w[static_cast<std::size_t>(o * depth + i % taps * inputs + i / taps)] = value;
        sums_[static_cast<std::size_t>(out)] += value;
      }
    }
    weights_.emplace_back(w.data(), rows, depth, gemm, shape);
  }
}

// From sums of (u - 128) w to codes: scale and offset per channel (kernels/conv_s8).
void ConvS8::set_scales(const StepSourceS8& s) {
  scale_.assign(static_cast<std::size_t>(out_stored), 1.0f);
  offset_.assign(static_cast<std::size_t>(out_stored), static_cast<float>(s.to.zero));
  const double to = s.to.scale, from = s.from.scale;
  for (std::size_t c = 0; c < weight_scales_.size(); ++c) {
    const double scale = from * static_cast<double>(weight_scales_[c]);
    const double shift = scale * (128 - s.from.zero) * sums_[c];
    double offset = (static_cast<double>(s.base.layer.bias[c]) + shift) / to + s.to.zero;
    if (s.base.layer.residual >= 0) offset -= s.residual.scale / to * s.residual.zero;
    scale_[c] = static_cast<float>(scale / to);
    offset_[c] = static_cast<float>(offset);
  }
  residual_scale_ = static_cast<float>(static_cast<double>(s.residual.scale) / to);
  low_ = s.base.layer.relu ? static_cast<float>(s.to.zero) : 0.0f;
  high_ = static_cast<float>(s.to.highest);
}

kernels::Requantize ConvS8::requantize(const StepData& d, index_t first, index_t from,
                                       index_t to) const {
  kernels::Requantize r;
  r.sums_row = out_stored, r.channels = to - from;
  r.scale = scale_.data() + from, r.offset = offset_.data() + from;
  r.residual_scale = residual_scale_;
  r.out_row = out_stored;
  r.low = low_, r.high = high_;
  const index_t line = width * out_stored * code;
  if (d.residual != nullptr) r.residual = d.residual + first * line + from * code;
  r.out = d.output + (pool ? first / 2 * (line / 2) : first * line) + from * code;
  return r;
}

void ConvS8::make_codes(const StepData& d, index_t first, index_t count,
                        const std::int32_t* sums) const {
  kernels::Requantize r = requantize(d, first, 0, out_stored);
  r.sums = sums;
  r.pixels = count * width;
  if (!pool) return kernels.conv_s8.requantize(r);
  const index_t line = width * out_stored, bytes = line * code;
  r.pixels = width;
  for (index_t i = 0; i < count; i += 2) {
    kernels.conv_s8.requantize_pooled({r, line, line});
    r.sums += 2 * line;
    if (r.residual != nullptr) r.residual = static_cast<const std::byte*>(r.residual) + 2 * bytes;
    r.out = static_cast<std::byte*>(r.out) + bytes / 2;
  }
}

StepPtr make_conv_s8(const StepSourceS8& s) {
  if (s.pairs) return make_conv_pairs_s8(s);
  if (s.base.layer.depthwise(s.base.from, s.base.to)) return make_conv_depthwise_s8(s);
  return takes_lines(s) ? make_conv_lines_s8(s) : make_conv_windows_s8(s);
}

}  // namespace tt::runtime
