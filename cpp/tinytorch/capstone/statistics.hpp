// Robust summary of repeated timings x_1..x_n.
//
//   median m, MAD = median |x_i - m|;  x_i is an outlier if |x_i - m| > k * 1.4826 * MAD, k = 5.
//   1.4826 makes MAD an estimate of the standard deviation for normal data. MAD = 0 drops nothing.
//
// mean, std (population) and the confidence interval are over the samples kept; percentiles, min
// and max are over all of them, since the slow tail is what they are read for.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace tt::capstone {

struct Summary {
  double mean = 0, std = 0;        // kept samples; std divides by n
  double ci_low = 0, ci_high = 0;  // 95 % for the mean: mean +- t * s / sqrt(n), s divides by n - 1
  double min = 0, p50 = 0, p90 = 0, p99 = 0, max = 0;  // all samples
  std::int64_t count = 0;                              // all samples
  std::int64_t outliers_dropped = 0;
};

inline constexpr double kOutlierLimit = 5.0;  // k above

// ValueError if there is no sample, or one is not finite.
Summary summarize(std::span<const double> samples);

// Linear interpolation between order statistics at position p / 100 * (n - 1), as numpy.percentile.
double percentile(std::span<const double> sorted, double p);

// The samples that are not outliers, in their order.
std::vector<double> without_outliers(std::span<const double> samples);

// 97.5 % quantile of Student's t distribution.
double student_t_975(std::int64_t degrees_of_freedom);

}  // namespace tt::capstone
