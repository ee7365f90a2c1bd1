// The best batch size and its throughput, measured.
//
//   throughput(b) = b rows / median time of one forward pass over b rows,  b = 1, 2, 4, ...
//
// The search ends at `max_rows`, when two sizes in a row stay below 90 % of the best, when the next
// size would not fit into what is left of `budget_ns`, or when the model refuses a size above 1.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tinytorch/capstone/clock.hpp"
#include "tinytorch/capstone/measurable.hpp"

namespace tt::capstone {

struct ThroughputOptions {
  std::int64_t max_rows = 1024;
  std::int64_t budget_ns = 1'000'000'000;
  Clock clock = steady_now_ns;
};

struct BatchPoint {
  std::int64_t rows = 1;
  double samples_per_sec = 0;
};

struct Throughput {
  BatchPoint best;
  std::vector<BatchPoint> curve;  // in the order tried, never empty
  std::string stopped_by;         // "max_rows", "falling", "budget" or the model's own error
};

// `seconds_per_row` is the measured time of one pass over one row: the first point of the curve.
Throughput search_throughput(Measurable& model, double seconds_per_row,
                             const ThroughputOptions& options);

}  // namespace tt::capstone
