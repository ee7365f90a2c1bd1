#include "tinytorch/kernels/conv_bf16/reference.hpp"

#include <bit>

#include "tinytorch/base/half.hpp"

namespace tt::kernels::reference {
namespace {

double value(std::uint16_t code) {
  return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(code) << 16));
}

double sum_at(const ConvBf16& c, std::int64_t image, std::int64_t y, std::int64_t x,
              std::int64_t output) {
  const std::int64_t together = c.images > 1 ? c.kTogether : 1;
  const std::int64_t depth = c.kernel_h * c.kernel_w * c.channels;
  const std::uint16_t* weights = c.weights + output / c.kPanel * depth * c.kPanel;
  double sum = 0.0;
  for (std::int64_t k = 0; k < depth; ++k) {
    const std::int64_t tap = k / c.channels;
    const std::int64_t at =
        (y * c.stride + tap / c.kernel_w) * c.width + x * c.stride + tap % c.kernel_w;
    sum += value(c.grid[(at * together + image) * c.channels + k % c.channels]) *
           value(weights[(k / 2 * c.kPanel + output % c.kPanel) * 2 + k % 2]);
  }
  return sum;
}

}  // namespace

void conv_bf16_images(const ConvBf16& c) {
  const std::int64_t area = c.out_height * c.out_width;
  for (std::int64_t i = 0; i < c.images * area * c.outputs; ++i) {
    const std::int64_t output = i % c.outputs, pixel = i / c.outputs;
    const std::int64_t y = pixel % area / c.out_width, x = pixel % c.out_width;
    const float sum = static_cast<float>(sum_at(c, pixel / area, y, x, output));
    c.y[i] = bf16(c.bias != nullptr ? sum + c.bias[output] : sum).bits;
  }
}

void conv_bf16_pair(const std::uint16_t* codes, std::int64_t groups, std::int64_t channels,
                    std::uint16_t* out, std::int64_t panel_step) {
  constexpr std::int64_t kPanel = ConvBf16::kPanel;
  for (std::int64_t g = 0; g < groups; ++g) {
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t s = 0; s < 2; ++s) {
        out[c / kPanel * panel_step + (g * kPanel + c % kPanel) * 2 + s] =
            codes[(2 * g + s) * channels + c];
      }
    }
  }
}

void conv_bf16_turn(const std::uint16_t* codes, std::int64_t positions, std::int64_t channels,
                    std::uint16_t* out, std::int64_t row) {
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t p = 0; p < positions; ++p) out[c * row + p] = codes[p * channels + c];
    if (positions % 2 != 0) out[c * row + positions] = 0;
  }
}

}  // namespace tt::kernels::reference
