#include "tinytorch/quant/per_channel.hpp"

#include <algorithm>
#include <cmath>

namespace tt::quant {
namespace {

index_t values_per_channel(const Array& w) {
  if (w.ndim() == 0)
    fail<ShapeError>("per-channel quantization needs a channel axis, got shape ()");
  return w.shape(0) == 0 ? 0 : w.size() / w.shape(0);
}

float channel_max(const float* w, index_t n, index_t channel) {
  float most = 0.0f;
  for (index_t i = 0; i < n; ++i) {
    if (!std::isfinite(w[i])) {
      fail<ValueError>("cannot quantize a weight of ", w[i], " in channel ", channel,
                       "; the model has diverged or was not initialised");
    }
    most = std::max(most, std::fabs(w[i]));
  }
  return most;
}

void check_vector(const char* layer, const char* what, const Array& v, index_t channels) {
  if (v.dtype() != DType::f32 || v.ndim() != 1 || v.shape(0) != channels) {
    fail<ShapeError>(layer, ": ", what, " must be float32 of shape (", channels, ",), got ",
                     name_of(v.dtype()), " of shape ", to_string(v.shape()));
  }
}

}  // namespace

PerChannel quantize_per_channel(const Array& w) {
  const index_t n = values_per_channel(w), channels = w.shape(0);
  const Array values = w.astype(DType::f32).contiguous();
  PerChannel result{Array::empty(w.shape(), DType::i8), Array::empty({channels}, DType::f32)};
  for (index_t c = 0; c < channels; ++c) {
    const float* in = values.data<float>() + c * n;
    auto* q = result.q.data<std::int8_t>() + c * n;
    const float most = channel_max(in, n, c);
    // Below 2^-100 the division would lose its accuracy; such a channel is zero in practice.
    const float scale = most < 0x1p-100f ? 1.0f : most / 127.0f;
    result.scales.data<float>()[c] = scale;
    for (index_t i = 0; i < n; ++i) {
      q[i] = static_cast<std::int8_t>(std::clamp(std::nearbyint(in[i] / scale), -127.0f, 127.0f));
    }
  }
  return result;
}

Array dequantize_per_channel(const PerChannel& weights) {
  const index_t n = values_per_channel(weights.q);
  const Array q = weights.q.contiguous(), scales = weights.scales.contiguous();
  const Array out = Array::empty(q.shape(), DType::f32);
  for (index_t i = 0; i < q.size(); ++i) {
    out.data<float>()[i] =
        static_cast<float>(q.data<std::int8_t>()[i]) * scales.data<float>()[i / n];
  }
  return out;
}

void check_per_channel(const char* layer, const Array& q, const Array& scales, const Array& bias,
                       int ndim) {
  if (!q.defined() || q.dtype() != DType::i8 || q.ndim() != ndim) {
    fail<DTypeError>(layer, ": the weight must be int8 with ", ndim, " dimensions");
  }
  check_vector(layer, "scales", scales, q.shape(0));
  if (bias.defined()) check_vector(layer, "bias", bias, q.shape(0));
  const Array s = scales.contiguous();
  for (index_t c = 0; c < s.size(); ++c) {
    const float scale = s.data<float>()[c];
    if (!std::isfinite(scale) || scale <= 0.0f) {
      fail<ValueError>(layer, ": scale ", c, " is ", scale, "; scales must be positive and finite");
    }
  }
}

}  // namespace tt::quant
