#include "tinytorch/capstone/throughput.hpp"

#include <algorithm>

#include "tinytorch/base/error.hpp"
#include "tinytorch/capstone/latency.hpp"
#include "tinytorch/capstone/statistics.hpp"

namespace tt::capstone {
namespace {

constexpr int kRunsPerSize = 7;
constexpr double kFallen = 0.9;

// Median seconds of one pass over the prepared rows. Passes that take long are repeated less often.
double pass_seconds(Measurable& model, double expected_seconds, double seconds_left, Clock clock) {
  const double affordable = seconds_left / expected_seconds - 2;  // warm-up and calibration
  LatencyOptions options;
  options.runs = std::clamp(static_cast<int>(std::min(affordable, 1e3)), 1, kRunsPerSize);
  options.warmup_calls = 1;
  options.warmup_ns = 0;
  options.clock = clock;
  return summarize(measure_latency(model, options).samples_ms).p50 * 1e-3;
}

}  // namespace

Throughput search_throughput(Measurable& model, double seconds_per_row,
                             const ThroughputOptions& options) {
  Throughput found;
  found.best = {1, 1.0 / seconds_per_row};
  found.curve.push_back(found.best);
  found.stopped_by = "max_rows";
  const std::int64_t begin = options.clock();
  double last_seconds = seconds_per_row;
  int below_best = 0;
  for (std::int64_t rows = 2; rows <= options.max_rows; rows *= 2) {
    const double left = static_cast<double>(options.budget_ns - (options.clock() - begin)) * 1e-9;
    const double expected = 2 * last_seconds;
    if (3 * expected > left) {
      found.stopped_by = "budget";
      break;
    }
    try {
      model.prepare(rows);
      last_seconds = pass_seconds(model, expected, left, options.clock);
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception& error) {  // sizes above one row are our idea, not the caller's
      found.stopped_by = error.what();
      break;
    }
    found.curve.push_back({rows, static_cast<double>(rows) / last_seconds});
    below_best = found.curve.back().samples_per_sec < kFallen * found.best.samples_per_sec
                     ? below_best + 1
                     : 0;
    if (found.curve.back().samples_per_sec > found.best.samples_per_sec) {
      found.best = found.curve.back();
    }
    if (below_best == 2) {
      found.stopped_by = "falling";
      break;
    }
  }
  return found;
}

}  // namespace tt::capstone
