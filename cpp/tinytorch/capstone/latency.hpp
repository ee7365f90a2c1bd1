// How long one forward pass takes.
//
//   warm-up    calls that are not counted: at least `warmup_calls` and `warmup_ns`, within limits
//   calibrate  the smallest power of two k such that k calls take >= 100 clock steps, so that the
//              clock adds less than 1 % and no sample is ever 0
//   measure    `runs` samples, each the time of k calls divided by k
//
// Of several models samples are taken in turns, a tenth of them at a time: what else happens on the
// machine meanwhile meets all of them, and their ratios stay.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "tinytorch/capstone/clock.hpp"
#include "tinytorch/capstone/measurable.hpp"

namespace tt::capstone {

struct LatencyOptions {
  std::int64_t runs = 100;
  std::int64_t warmup_calls = 5;
  std::int64_t warmup_ns = 20'000'000;
  Clock clock = steady_now_ns;
};

struct Latency {
  std::vector<double> samples_ms;     // milliseconds per call, all > 0
  std::int64_t calls_per_sample = 1;  // k, of the last sample
  std::int64_t warmup_calls = 0;      // made and not counted, calibration included
};

// Times model.run() as prepared. ValueError unless runs >= 1. What run() throws passes through; a
// pending Ctrl-C ends it between samples (Interrupted).
Latency measure_latency(Measurable& model, const LatencyOptions& options);
// The same of each model, in turns.
std::vector<Latency> measure_latencies(std::span<Measurable* const> models,
                                       const LatencyOptions& options);

}  // namespace tt::capstone
