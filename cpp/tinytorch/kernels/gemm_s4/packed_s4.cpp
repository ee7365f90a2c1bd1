#include "tinytorch/kernels/gemm_s4/packed_s4.hpp"

#include <cmath>
#include <cstring>

#include "tinytorch/base/half.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/scratch.hpp"

namespace tt::kernels {
namespace {

constexpr std::int64_t kChunkValues = 1 << 14;    // quantized, worth a thread's attention
constexpr std::int64_t kChunkProducts = 1 << 18;  // likewise, multiplied
constexpr std::int64_t kBlockRows = 64;           // of x, which stay in the second cache
thread_local ScratchBuffer t_codes, t_scales, t_offsets;

float rounded_scale(float scale) { return static_cast<float>(bf16(scale)); }

int code_of(float value, float inverse) {
  return static_cast<int>(std::clamp(std::nearbyint(value * inverse), -8.0f, 7.0f));
}

double squared_error(const float* b, std::int64_t n, float scale) {
  double error = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    const float back = static_cast<float>(code_of(b[i], 1.0f / scale)) * scale;
    error += static_cast<double>(b[i] - back) * static_cast<double>(b[i] - back);
  }
  return error;
}

// The value of largest magnitude gets the code -8, or nearly so: the scale may be negative.
float best_scale(const float* b, std::int64_t n) {
  constexpr float kSteps[] = {8.0f, 7.6f, 7.2f, 6.8f, 8.4f, 8.8f, 7.0f};
  float most = 0.0f;
  for (std::int64_t i = 0; i < n; ++i) {
    if (!std::isfinite(b[i])) return std::nanf("");
    if (std::fabs(b[i]) > std::fabs(most)) most = b[i];
  }
  if (std::fabs(most) < 0x1p-100f) return 0.0f;
  float best = 0.0f;
  double least = INFINITY;
  for (const float step : kSteps) {
    const float scale = rounded_scale(most / -step);
    const double error = squared_error(b, n, scale);
    if (error < least) least = error, best = scale;
  }
  return best;
}

}  // namespace

void quantize_s4(const float* b, std::int64_t n, std::int64_t k, std::int8_t* codes,
                 float* scales) {
  const std::int64_t groups = (k + kS4Group - 1) / kS4Group;
  parallel_for(n, grain_for(kChunkValues / 8, k), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin * groups; i < end * groups; ++i) {
      const std::int64_t p = i % groups * kS4Group, count = std::min(kS4Group, k - p);
      const float* values = b + i / groups * k + p;
      const float scale = best_scale(values, count);
      scales[i] = scale;
      const bool usable = std::isfinite(scale) && scale != 0.0f;
      for (std::int64_t s = 0; s < kS4Group; ++s) {
        const int code = usable && s < count ? code_of(values[s], 1.0f / scale) : 0;
        codes[i * kS4Group + s] = static_cast<std::int8_t>(code);
      }
    }
  });
}

PackedS4 pack_s4(const std::int8_t* codes, const float* scales, std::int64_t n, std::int64_t k,
                 const GemmS4Table& table) {
  const std::int64_t groups = (k + kS4Group - 1) / kS4Group, nr = table.nr, w = table.width;
  const std::int64_t padded = (n + nr - 1) / nr * nr;
  PackedS4 packed{&table, n, k, groups, {}};
  packed.panels = PageBuffer(static_cast<std::size_t>(padded * groups * 18));
  auto* bytes = reinterpret_cast<std::uint8_t*>(packed.panels.data());
  parallel_for(padded, grain_for(kChunkValues, k), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin * groups; i < end * groups; ++i) {
      const std::int64_t column = i / groups, g = i % groups, lane = column % nr;
      std::uint8_t* group = bytes + (column / nr * groups + g) * s4_group_bytes(nr);
      std::uint8_t* nibbles = group + lane / w * (kS4Group / 2 * w) + lane % w * 4;
      const std::int8_t* code = column < n ? codes + i * kS4Group : nullptr;
      for (std::int64_t q = 0; q < 16; ++q) {
        const int low = code == nullptr ? 8 : code[q] + 8,
                  high = code == nullptr ? 8 : code[16 + q] + 8;
        nibbles[q / 4 * w * 4 + q % 4] = static_cast<std::uint8_t>(low | high << 4);
      }
      const bf16 scale(column < n ? scales[i] : 0.0f);
      std::memcpy(group + nr * 16 + lane * 2, &scale, 2);
    }
  });
  return packed;
}

PackedS4 pack_s4(const std::int8_t* codes, const float* scales, std::int64_t n, std::int64_t k) {
  return pack_s4(codes, scales, n, k, active().gemm_s4);
}

void unpack_row(const PackedS4& w, std::int64_t j, float* out) {
  const std::int64_t nr = w.table->nr, width = w.table->width, lane = j % nr;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(w.panels.data());
  for (std::int64_t g = 0; g < w.groups; ++g) {
    const std::uint8_t* group = bytes + (j / nr * w.groups + g) * s4_group_bytes(nr);
    const std::uint8_t* nibbles = group + lane / width * (kS4Group / 2 * width) + lane % width * 4;
    bf16 scale;
    std::memcpy(&scale, group + nr * 16 + lane * 2, 2);
    for (std::int64_t s = 0; s < std::min(kS4Group, w.k - g * kS4Group); ++s) {
      const int both = nibbles[s % 16 / 4 * width * 4 + s % 4];
      const int code = (s < 16 ? both & 15 : both >> 4) - 8;
      out[g * kS4Group + s] = static_cast<float>(code) * static_cast<float>(scale);
    }
  }
}

void linear_s4(const float* x, std::int64_t m, std::int64_t x_row, const PackedS4& w,
               const float* bias, float* y, std::int64_t y_row, bool accumulate) {
  if (m <= 0 || w.n <= 0) return;
  count_call(Family::gemm_s4);
  const std::int64_t groups = w.groups, nr = w.table->nr;
  auto* codes = t_codes.reserve<std::int8_t>(m * groups * kS4Group);
  auto* scales = t_scales.reserve<float>(m * groups);
  auto* offsets = t_offsets.reserve<std::int32_t>(m * groups);
  parallel_for(m, grain_for(kChunkValues, w.k), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      w.table->quantize(x + i * x_row, w.k, codes + i * groups * kS4Group, scales + i * groups,
                        offsets + i * groups);
    }
  });
  const std::int64_t rows = std::min(m, kBlockRows), blocks = (m + rows - 1) / rows;
  const std::int64_t cols = nr * grain_for(kChunkProducts, rows * nr * w.k);
  const std::int64_t strips = (w.n + cols - 1) / cols;
  parallel_for(blocks * strips, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t row = i / strips * rows, col = i % strips * cols;
      S4Product p;
      p.rows = std::min(rows, m - row), p.cols = std::min(cols, w.n - col), p.groups = groups;
      p.x = {codes + row * groups * kS4Group, scales + row * groups, offsets + row * groups};
      p.panels = w.panels.data() + col * groups * 18;
      p.y = y + row * y_row + col, p.y_row = y_row, p.accumulate = accumulate;
      p.bias = bias == nullptr ? nullptr : bias + col;
      w.table->multiply(p);
    }
  });
}

}  // namespace tt::kernels
