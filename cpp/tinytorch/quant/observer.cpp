#include "tinytorch/quant/observer.hpp"

#include <algorithm>
#include <cmath>

#include "tinytorch/quant/affine.hpp"

namespace tt::quant {
namespace {

constexpr int kBins = 4096;
constexpr int kCandidates = 256;  // thresholds tried by the mean-squared-error search

// Expected squared error of the bin's values when [0, t] is cut into steps: within the range the
// bin's centre stands for its values; beyond it they become t.
double bin_error(double centre, double t, int steps) {
  const double step = t / steps;
  const double code = std::min(std::nearbyint(centre / step), static_cast<double>(steps));
  const double difference = centre - code * step;
  return difference * difference;
}

}  // namespace

Calibration calibration_from_name(const std::string& name) {
  if (name == "minmax") return Calibration::minmax;
  if (name == "percentile") return Calibration::percentile;
  if (name == "mse") return Calibration::mse;
  fail<ValueError>("unknown calibration '", name, "'; use minmax, percentile or mse");
}

Observer::Observer(Calibration method, double percentile, int steps)
    : method_(method), percentile_(percentile), steps_(steps) {
  if (!(percentile > 0.0 && percentile <= 100.0)) {
    fail<ValueError>("percentile must be above 0 and at most 100, got ", percentile);
  }
  if (method != Calibration::minmax) histogram_.assign(kBins, 0.0);
}

void Observer::observe(const Array& x) {
  if (x.size() == 0) return;
  const Array values = x.astype(DType::f32).contiguous();
  const Range range = range_of(values);
  low_ = count_ == 0 ? range.low : std::min(low_, range.low);
  high_ = count_ == 0 ? range.high : std::max(high_, range.high);
  count_ += values.size();
  if (method_ == Calibration::minmax) return;
  add_to_histogram(values.data<float>(), values.size(), std::max(-range.low, range.high));
}

void Observer::add_to_histogram(const float* x, index_t n, float most) {
  if (limit_ == 0.0) limit_ = 0x1p-100;
  while (most >= limit_) {  // halve the resolution
    for (int i = 0; i < kBins / 2; ++i) histogram_[i] = histogram_[2 * i] + histogram_[2 * i + 1];
    std::fill(histogram_.begin() + kBins / 2, histogram_.end(), 0.0);
    limit_ *= 2.0;
  }
  const double per_unit = kBins / limit_;
  for (index_t i = 0; i < n; ++i) {
    histogram_[static_cast<std::size_t>(std::fabs(x[i]) * per_unit)] += 1.0;
  }
}

float Observer::threshold() const {
  if (count_ == 0)
    fail<StateError>("the observer has seen no values; run calibration batches first");
  const float most = std::max(std::fabs(low_), std::fabs(high_));
  switch (method_) {
    case Calibration::percentile:
      return std::min(most, percentile_threshold());
    case Calibration::mse:
      return std::min(most, mse_threshold());
    case Calibration::minmax:
      break;
  }
  return most;
}

float Observer::scale() const {
  const float t = threshold();
  return t < 0x1p-100f ? 1.0f : t / static_cast<float>(steps_);
}

float Observer::percentile_threshold() const {
  const double wanted = percentile_ / 100.0 * static_cast<double>(count_);
  double seen = 0.0;
  for (int i = 0; i < kBins; ++i) {
    seen += histogram_[static_cast<std::size_t>(i)];
    if (seen >= wanted) return static_cast<float>((i + 1) * limit_ / kBins);
  }
  return static_cast<float>(limit_);
}

float Observer::mse_threshold() const {
  const double most = std::max(std::fabs(low_), std::fabs(high_));
  double best = most, best_error = -1.0;
  for (int c = kCandidates; c >= kCandidates / 16; --c) {
    const double t = most * c / kCandidates;
    double error = 0.0;
    for (int i = 0; i < kBins; ++i) {
      const double weight = histogram_[static_cast<std::size_t>(i)];
      if (weight > 0.0) error += weight * bin_error((i + 0.5) * limit_ / kBins, t, steps_);
    }
    if (best_error < 0.0 || error < best_error) {
      best = t;
      best_error = error;
    }
  }
  return static_cast<float>(best);
}

}  // namespace tt::quant
