#include "tinytorch/quant/affine.hpp"

#include <algorithm>
#include <cmath>

#include "tinytorch/base/thread_pool.hpp"

namespace tt::quant {
namespace {
constexpr std::int64_t kGrain = 1 << 15;
}

Affine choose_affine(float low, float high) {
  if (!std::isfinite(low) || !std::isfinite(high) || low > high) {
    fail<ValueError>("cannot quantize the range [", low, ", ", high,
                     "]; it must be finite and ordered: look for NaN or infinity in the values");
  }
  if (low == high) return {};
  const double from = std::min(low, 0.0f), to = std::max(high, 0.0f);
  const auto scale = static_cast<float>((to - from) / 255.0);
  if (scale <= 0.0f) return {};  // narrower than float32 can divide
  const double zero = std::nearbyint(-128.0 - from / static_cast<double>(scale));
  return {scale, static_cast<int>(std::clamp(zero, -128.0, 127.0))};
}

Range range_of(const Array& x) {
  if (x.size() == 0) fail<ValueError>("an empty array has no range to quantize");
  const Array values = x.astype(DType::f32).contiguous();
  const float* p = values.data<float>();
  Range range{p[0], p[0]};
  for (index_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(p[i])) {
      fail<ValueError>("cannot quantize a value of ", p[i], " (element ", i,
                       "); remove NaN and infinity first");
    }
    range.low = std::min(range.low, p[i]);
    range.high = std::max(range.high, p[i]);
  }
  return range;
}

Array quantize_affine(const Array& x, Affine affine) {
  if (!(affine.scale > 0.0f)) fail<ValueError>("scale must be positive, got ", affine.scale);
  const Array values = x.astype(DType::f32).contiguous();
  const Array out = Array::empty(x.shape(), DType::i8);
  const float* in = values.data<float>();
  auto* q = out.data<std::int8_t>();
  const double scale = affine.scale;
  parallel_for(x.size(), kGrain, [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
      const double code = std::nearbyint(static_cast<double>(in[i]) / scale + affine.zero_point);
      // A NaN compares false with everything and becomes -128 rather than undefined behaviour.
      q[i] = static_cast<std::int8_t>(code >= 127.0 ? 127.0 : code > -128.0 ? code : -128.0);
    }
  });
  return out;
}

Array dequantize_affine(const Array& q, Affine affine) {
  if (q.dtype() != DType::i8) {
    fail<DTypeError>("dequantize_affine reads int8, got ", name_of(q.dtype()));
  }
  const Array codes = q.contiguous();
  const Array out = Array::empty(q.shape(), DType::f32);
  const auto* in = codes.data<std::int8_t>();
  auto* y = out.data<float>();
  parallel_for(q.size(), kGrain, [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
      y[i] = static_cast<float>(in[i] - affine.zero_point) * affine.scale;
    }
  });
  return out;
}

}  // namespace tt::quant
