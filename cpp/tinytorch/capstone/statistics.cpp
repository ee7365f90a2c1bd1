#include "tinytorch/capstone/statistics.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "tinytorch/base/error.hpp"

namespace tt::capstone {
namespace {

double mean_of(std::span<const double> values) {
  double sum = 0;
  for (double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return percentile(values, 50);
}

}  // namespace

double percentile(std::span<const double> sorted, double p) {
  if (sorted.empty()) fail<ValueError>("a percentile needs at least one sample");
  const double position = p / 100.0 * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], position - static_cast<double>(below));
}

std::vector<double> without_outliers(std::span<const double> samples) {
  std::vector<double> kept(samples.begin(), samples.end());
  if (kept.empty()) return kept;
  const double median = median_of(kept);
  std::vector<double> deviations;
  for (double value : samples) deviations.push_back(std::abs(value - median));
  const double limit = kOutlierLimit * 1.4826 * median_of(std::move(deviations));
  if (limit > 0) {
    std::erase_if(kept, [&](double value) { return std::abs(value - median) > limit; });
  }
  return kept;
}

// Tabled where the series below is off by more than 0.001, else Cornish-Fisher about z = 1.95996.
double student_t_975(std::int64_t degrees_of_freedom) {
  constexpr std::array kTable = {12.7062, 4.3027, 3.1824, 2.7764, 2.5706,
                                 2.4469,  2.3646, 2.3060, 2.2622, 2.2281};
  if (degrees_of_freedom < 1) fail<ValueError>("Student's t needs at least 1 degree of freedom");
  if (degrees_of_freedom <= std::ssize(kTable)) return kTable[degrees_of_freedom - 1];
  const double n = static_cast<double>(degrees_of_freedom);
  constexpr double z = 1.959963985;
  constexpr double z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;
  return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n) +
         (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n);
}

Summary summarize(std::span<const double> samples) {
  if (samples.empty()) fail<ValueError>("statistics need at least one sample");
  for (double value : samples) {
    if (!std::isfinite(value)) fail<ValueError>("a sample is not a finite number: ", value);
  }
  const std::vector<double> kept = without_outliers(samples);
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());

  Summary summary;
  summary.count = std::ssize(samples);
  summary.outliers_dropped = summary.count - std::ssize(kept);
  summary.min = sorted.front();
  summary.p50 = percentile(sorted, 50);
  summary.p90 = percentile(sorted, 90);
  summary.p99 = percentile(sorted, 99);
  summary.max = sorted.back();

  const double n = static_cast<double>(kept.size());
  summary.mean = mean_of(kept);
  double squares = 0;
  for (double value : kept) squares += (value - summary.mean) * (value - summary.mean);
  summary.std = std::sqrt(squares / n);
  const double half_width = kept.size() < 2 ? 0.0
                                            : student_t_975(std::ssize(kept) - 1) *
                                                  std::sqrt(squares / (n - 1)) / std::sqrt(n);
  summary.ci_low = summary.mean - half_width;
  summary.ci_high = summary.mean + half_width;
  return summary;
}

}  // namespace tt::capstone
