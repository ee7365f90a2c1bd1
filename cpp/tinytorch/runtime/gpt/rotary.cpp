#include "tinytorch/runtime/gpt/rotary.hpp"

#include <cmath>

namespace tt::runtime {

Rotary::Rotary(const std::vector<double>& frequencies, index_t max_length)
    : size_(2 * static_cast<index_t>(frequencies.size())) {
  for (index_t unit = 1; unit < max_length || digits_.empty(); unit *= kDigit) {
    std::vector<Turn>& table = digits_.emplace_back();
    for (index_t d = 0; d < kDigit && d * unit < max_length; ++d) {
      for (const double frequency : frequencies) {
        const double angle = static_cast<double>(d * unit) * frequency;
        table.push_back({std::cos(angle), std::sin(angle)});
      }
    }
  }
}

void Rotary::factors(index_t position, float* cos_sin) const {
  const index_t half = size_ / 2;
  for (index_t i = 0; i < half; ++i) {
    index_t rest = position / kDigit;
    Turn t = digits_[0][static_cast<std::size_t>(position % kDigit * half + i)];
    for (std::size_t d = 1; rest > 0; ++d, rest /= kDigit) {
      const Turn& more = digits_[d][static_cast<std::size_t>(rest % kDigit * half + i)];
      t = {t.cos * more.cos - t.sin * more.sin, t.sin * more.cos + t.cos * more.sin};
    }
    cos_sin[i] = static_cast<float>(t.cos);
    cos_sin[half + i] = static_cast<float>(t.sin);
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
