#include "tinytorch/models/rotary_frequencies.hpp"

#include <algorithm>
#include <cmath>

namespace tt::models {
namespace {

constexpr double kTurn = 6.283185307179586;

double scaled(double frequency, const RopeScaling& s) {
  if (s.kind == RopeScaling::Kind::none) return frequency;
  double kept = 0.0;  // the share that stays as it is
  if (s.kind == RopeScaling::Kind::llama3) {
    const double turns = static_cast<double>(s.length) * frequency / kTurn;
    kept = std::clamp((turns - s.low) / (s.high - s.low), 0.0, 1.0);
  }
  return frequency * (kept + (1.0 - kept) / s.factor);
}

}  // namespace

std::vector<double> rotary_frequencies(const GptConfig& config) {
  std::vector<double> frequencies;
  const auto size = static_cast<double>(config.head_size);
  for (index_t i = 0; i < config.head_size / 2; ++i) {
    const double frequency = std::pow(config.rope_theta, -2.0 * static_cast<double>(i) / size);
    frequencies.push_back(scaled(frequency, config.rope_scaling));
  }
  return frequencies;
}

}  // namespace tt::models
