#include "tinytorch/runtime/gpt/rotary.hpp"

#include <algorithm>
#include <cmath>

namespace tt::runtime {

Rotary::Rotary(index_t size, double theta, index_t max_length) : size_(size) {
  const index_t half = size / 2;
  const auto fill = [&](std::vector<Turn>& table, index_t count, index_t step) {
    table.reserve(static_cast<std::size_t>(count * half));
    for (index_t d = 0; d < count; ++d) {
      for (index_t i = 0; i < half; ++i) {
        const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(size);
        const double angle = static_cast<double>(d * step) * std::pow(theta, exponent);
        table.push_back({std::cos(angle), std::sin(angle)});
      }
    }
  };
  fill(near_, std::min(kNear, max_length), 1);
  fill(far_, (max_length + kNear - 1) / kNear, kNear);
}

void Rotary::factors(index_t position, float* cos_sin) const {
  const index_t half = size_ / 2;
  const Turn* near = near_.data() + position % kNear * half;
  const Turn* far = far_.data() + position / kNear * half;
  for (index_t i = 0; i < half; ++i) {
    cos_sin[i] = static_cast<float>(near[i].cos * far[i].cos - near[i].sin * far[i].sin);
    cos_sin[half + i] = static_cast<float>(near[i].sin * far[i].cos + near[i].cos * far[i].sin);
  }
}

void Rotary::turn(const float* cos_sin, index_t heads, float* x) const {
  const index_t half = size_ / 2;
  const float *cos = cos_sin, *sin = cos_sin + half;
  for (index_t h = 0; h < heads; ++h, x += size_) {
    for (index_t i = 0; i < half; ++i) {
      const float a = x[i], b = x[half + i];
      x[i] = a * cos[i] - b * sin[i];
      x[half + i] = b * cos[i] + a * sin[i];
    }
  }
}

}  // namespace tt::runtime
