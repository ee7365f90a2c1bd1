#include "tinytorch/quant/reference.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace tt::quant::reference {
namespace {

struct Codes {
  std::vector<int> q;
  float scale;
};

// One row or image, by the given scale or by its largest magnitude.
Codes quantize(const float* x, index_t n, float input_scale) {
  float most = 0x1p-100f;
  for (index_t i = 0; i < n; ++i) most = std::max(most, std::fabs(x[i]));
  const float inverse = input_scale > 0.0f ? 1.0f / input_scale : 127.0f / most;
  Codes codes{std::vector<int>(static_cast<std::size_t>(n)),
              input_scale > 0.0f ? input_scale : most / 127.0f};
  for (index_t i = 0; i < n; ++i) {
    codes.q[static_cast<std::size_t>(i)] =
        static_cast<int>(std::clamp(std::nearbyint(x[i] * inverse), -127.0f, 127.0f));
  }
  return codes;
}

float scaled(int sum, float scale_x, const Array& scales, const Array& bias, index_t o) {
  float y = static_cast<float>(sum) * scale_x * scales.data<float>()[o];
  if (bias.defined()) y = y + bias.data<float>()[o];
  return y;
}

}  // namespace

Array linear_int8(const Array& x, const Array& weight, const Array& scales, const Array& bias,
                  float input_scale) {
  const index_t m = x.shape(0), k = x.shape(1), n = weight.shape(0);
  const Array y = Array::empty({m, n});
  for (index_t i = 0; i < m; ++i) {
    const Codes codes = quantize(x.data<float>() + i * k, k, input_scale);
    for (index_t o = 0; o < n; ++o) {
      int sum = 0;
      for (index_t p = 0; p < k; ++p) {
        sum += codes.q[static_cast<std::size_t>(p)] * weight.data<std::int8_t>()[o * k + p];
      }
      y.data<float>()[i * n + o] = scaled(sum, codes.scale, scales, bias, o);
    }
  }
  return y;
}

Array conv2d_int8(const Array& x, const Array& weight, const Array& scales, const Array& bias,
                  const kernels::Window2d& g, index_t groups, float input_scale) {
  const index_t c = x.shape(1), h = x.shape(2), w = x.shape(3);
  const index_t out = weight.shape(0), depth = weight.shape(1);
  const index_t kh = weight.shape(2), kw = weight.shape(3);
  const index_t oh = (h + 2 * g.pad_h - g.dilation_h * (kh - 1) - 1) / g.stride_h + 1;
  const index_t ow = (w + 2 * g.pad_w - g.dilation_w * (kw - 1) - 1) / g.stride_w + 1;
  const Array y = Array::empty({x.shape(0), out, oh, ow});
  for (index_t n = 0; n < x.shape(0); ++n) {
    const Codes codes = quantize(x.data<float>() + n * c * h * w, c * h * w, input_scale);
    for (index_t at = 0; at < out * oh * ow; ++at) {
      const index_t o = at / (oh * ow), i = at / ow % oh, j = at % ow;
      int sum = 0;
      for (index_t k = 0; k < depth * kh * kw; ++k) {
        const index_t channel = o / (out / groups) * depth + k / (kh * kw);
        const index_t row = i * g.stride_h + k / kw % kh * g.dilation_h - g.pad_h;
        const index_t col = j * g.stride_w + k % kw * g.dilation_w - g.pad_w;
        if (row < 0 || row >= h || col < 0 || col >= w) continue;
        sum += codes.q[static_cast<std::size_t>((channel * h + row) * w + col)] *
               weight.data<std::int8_t>()[o * depth * kh * kw + k];
      }
      y.data<float>()[n * out * oh * ow + at] = scaled(sum, codes.scale, scales, bias, o);
    }
  }
  return y;
}

}  // namespace tt::quant::reference
