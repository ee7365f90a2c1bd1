#include "tinytorch/quant/affine.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"

namespace tt::quant {
namespace {

constexpr std::int64_t kGrain = 1 << 15;

[[noreturn]] void refuse_unbounded(const Array& values) {
  const float* p = values.data<float>();
  const float* at =
      std::find_if_not(p, p + values.size(), [](float v) { return std::isfinite(v); });
  fail<ValueError>("cannot quantize a value of ", *at, " (element ", at - p,
                   "); remove NaN and infinity first");
}

// A loop without branches or aliases, for the compiler's vectorizer; float32 throughout, as NumPy
// computes the formula.
void quantize(const float* __restrict in, std::int8_t* __restrict q, index_t n, float scale,
              float zero_point) {
  constexpr float kRound = 12582912.0f;  // adding and taking back 1.5 * 2^23 rounds half to even
  for (index_t i = 0; i < n; ++i) {
    const float code = in[i] / scale + zero_point;
    // A NaN compares false with everything and becomes -128 rather than undefined behaviour.
    const float floored = code > -128.0f ? code : -128.0f;
    const float clamped = floored < 127.0f ? floored : 127.0f;
    q[i] = static_cast<std::int8_t>(static_cast<int>(clamped + kRound - kRound));
  }
}

}  // namespace

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
  const index_t n = values.size();
  std::vector<Range> parts(static_cast<std::size_t>((n + kGrain - 1) / kGrain));
  kernels::count_call(kernels::Family::reduce);
  const auto& reduce = kernels::active().reduce;
  parallel_for(n, kGrain, [&](index_t begin, index_t end) {
    const auto length = static_cast<std::size_t>(end - begin);
    parts[static_cast<std::size_t>(begin / kGrain)] = {reduce.min(p + begin, length),
                                                       reduce.max(p + begin, length)};
  });
  Range range = parts[0];
  for (const Range& part : parts) {  // a NaN of a part is the part's minimum and maximum
    if (!std::isfinite(part.low) || !std::isfinite(part.high)) refuse_unbounded(values);
    range = {std::min(range.low, part.low), std::max(range.high, part.high)};
  }
  return range;
}

Array quantize_affine(const Array& x, Affine affine) {
  if (!(affine.scale > 0.0f)) fail<ValueError>("scale must be positive, got ", affine.scale);
  const Array values = x.astype(DType::f32).contiguous();
  const Array out = Array::empty(x.shape(), DType::i8);
  const float* in = values.data<float>();
  auto* q = out.data<std::int8_t>();
  parallel_for(x.size(), kGrain, [=](index_t begin, index_t end) {
    quantize(in + begin, q + begin, end - begin, affine.scale,
             static_cast<float>(affine.zero_point));
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
