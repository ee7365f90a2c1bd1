#include "tinytorch/kernels/conv_s8/reference.hpp"

#include <algorithm>
#include <cmath>

namespace tt::kernels::reference {
namespace {

std::uint8_t code(float v, float low, float high = 255.0f) {
  if (!(v > low)) v = low;
  return static_cast<std::uint8_t>(std::nearbyint(std::min(v, high)));
}

std::uint8_t requantized(const Requantize& r, std::int64_t pixel, std::int64_t c) {
  const float product = static_cast<float>(r.sums[pixel * r.sums_row + c]) * r.scale[c];
  float v = product + r.offset[c];
  if (r.residual != nullptr) {
    const auto* residual = static_cast<const std::uint8_t*>(r.residual);
    const float add = static_cast<float>(residual[pixel * r.out_row + c]) * r.residual_scale;
    v = v + add;
  }
  return code(v, r.low, r.high);
}

}  // namespace

void quantize_row(const QuantizeRow& q) {
  auto* out = static_cast<std::uint8_t*>(q.out);
  for (std::int64_t x = 0; x < q.width; ++x) {
    for (std::int64_t c = 0; c < q.stored; ++c) {
      const float scaled = c < q.channels ? q.in[c * q.plane + x] * q.inverse_scale : 0.0f;
      out[x * q.stored + c] = c < q.channels ? code(scaled + q.zero, 0.0f) : 128;
    }
  }
}

void requantize(const Requantize& r) {
  auto* out = static_cast<std::uint8_t*>(r.out);
  for (std::int64_t p = 0; p < r.pixels; ++p) {
    for (std::int64_t c = 0; c < r.channels; ++c) out[p * r.out_row + c] = requantized(r, p, c);
  }
}

void requantize_pooled(const RequantizePooled& both) {
  const Requantize& r = both.first;
  Requantize second = r;
  second.sums += both.sums_line;
  if (r.residual != nullptr) {
    second.residual = static_cast<const std::uint8_t*>(r.residual) + both.residual_line;
  }
  auto* out = static_cast<std::uint8_t*>(r.out);
  for (std::int64_t p = 0; p + 2 <= r.pixels; p += 2) {
    for (std::int64_t c = 0; c < r.channels; ++c) {
      out[p / 2 * r.out_row + c] =
          std::max({requantized(r, p, c), requantized(r, p + 1, c), requantized(second, p, c),
                    requantized(second, p + 1, c)});
    }
  }
}

void join(const JoinCodes& j) {
  const auto* a = static_cast<const std::uint8_t*>(j.a);
  const auto* b = static_cast<const std::uint8_t*>(j.b);
  for (std::int64_t i = 0; i < j.count; ++i) {
    float v = static_cast<float>(a[i]) * j.a_scale;
    if (b != nullptr) {
      const float add = static_cast<float>(b[i]) * j.b_scale;
      v = v + add;
    }
    static_cast<std::uint8_t*>(j.out)[i] = code(v + j.offset, j.low, j.high);
  }
}

void max_window(const std::uint8_t* in, std::int64_t line, std::int64_t channels, int rows,
                int cols, std::uint8_t* out) {
  for (std::int64_t c = 0; c < channels; ++c) {
    out[c] = 0;
    for (int k = 0; k < rows * cols; ++k) {
      out[c] = std::max(out[c], in[k / cols * line + k % cols * channels + c]);
    }
  }
}

void depthwise_sums(const DepthwiseSums& d) {
  const auto* image = static_cast<const std::uint8_t*>(d.image);
  for (std::int64_t i = 0; i < d.count * d.channels; ++i) {
    const std::int64_t c = i % d.channels;
    d.sums[i] = 0;
    for (std::int64_t k = 0; k < d.kernel_h * d.kernel_w; ++k) {
      const std::int64_t y = d.top + k / d.kernel_w * d.dilation_h;
      const std::int64_t x = d.left + i / d.channels * d.stride + k % d.kernel_w * d.dilation_w;
      const bool inside = y >= 0 && y < d.height && x >= 0 && x < d.width;
      const int u = inside ? image[(y * d.width + x) * d.channels + c] : d.zero;
      d.sums[i] += (u - 128) * d.weights[k * d.channels + c];
    }
  }
}

void average(const std::uint8_t* in, std::int64_t pixels, std::int64_t channels, float zero,
             float scale, float* out) {
  for (std::int64_t c = 0; c < channels; ++c) {
    std::int64_t sum = 0;
    for (std::int64_t p = 0; p < pixels; ++p) sum += in[p * channels + c];
    out[c] = (static_cast<float>(sum) - static_cast<float>(pixels) * zero) * scale;
  }
}

void copy_windows(const WindowBytes& w) {
  for (std::int64_t n = 0; n < w.count; ++n) {
    std::byte* out = w.out + n * w.out_row;
    for (std::int64_t k = 0; k < w.kernel_h * w.kernel_w; ++k, out += w.pixel) {
      const std::int64_t y = w.top + k / w.kernel_w * w.dilation_h;
      const std::int64_t x = w.left + n * w.stride + k % w.kernel_w * w.dilation_w;
      const bool inside = y >= 0 && y < w.height && x >= 0 && x < w.width;
      std::copy_n(inside ? w.image + y * w.line + x * w.pixel_step : w.blank, w.pixel, out);
    }
  }
}

void pair_line(const PairLine& l, std::int64_t k_step) {
  const auto* image = static_cast<const std::uint8_t*>(l.image);
  const auto* blank = static_cast<const std::uint8_t*>(l.blank);
  auto* out = static_cast<std::uint8_t*>(l.out);
  const auto u = [&](std::int64_t x, std::int64_t c) -> int {
    return x < 0 || x >= l.pixels ? blank[c] : image[x * l.channels + c];
  };
  const std::int64_t half = l.channels / 2;
  for (std::int64_t x = 0; x < l.width; ++x) {
    for (std::int64_t v = 0; v < l.kernel_w; ++v) {
      for (std::int64_t i = 0; i < half; ++i) {
        const int a = u(l.left + x + v, i), b = u(l.left + x + l.kernel_w - 1 - v, half + i);
        std::uint8_t* at = out + (x * l.kernel_w + v) * l.channels;
        at += i / k_step * 2 * k_step + i % k_step;
        at[0] = static_cast<std::uint8_t>(a + b);
        at[k_step] = static_cast<std::uint8_t>(a - b + 128);
      }
    }
  }
}

void requantize_pairs(const Requantize& to, std::int64_t half, std::int64_t width, bool pool) {
  const auto* residual = static_cast<const std::uint8_t*>(to.residual);
  auto* out = static_cast<std::uint8_t*>(to.out);
  if (pool) std::fill_n(out, to.pixels / 4 * to.out_row, std::uint8_t{0});
  for (std::int64_t i = 0; i < to.pixels * to.channels; ++i) {
    const std::int64_t p = i / to.channels, column = i % to.channels, even = column / 2 * 2;
    const std::int64_t c = column / 2 + column % 2 * half;
    const std::int32_t* sums = to.sums + p * to.sums_row + even;
    const float sum = static_cast<float>(sums[0]) * to.scale[even];
    const float difference = static_cast<float>(sums[1]) * to.scale[even + 1];
    float v = column % 2 == 0 ? sum + difference : sum - difference;
    v = v + to.offset[column];
    if (residual != nullptr) {
      const float add = static_cast<float>(residual[p * to.out_row + c]) * to.residual_scale;
      v = v + add;
    }
    const std::int64_t y = p / width, x = p % width;
    const std::int64_t made = pool ? y / 2 * (width / 2) + x / 2 : p;
    std::uint8_t& at = out[made * to.out_row + c];
    at = pool ? std::max(at, code(v, to.low, to.high)) : code(v, to.low, to.high);
  }
}

}  // namespace tt::kernels::reference
