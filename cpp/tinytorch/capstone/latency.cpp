#include "tinytorch/capstone/latency.hpp"

#include "tinytorch/base/error.hpp"
#include "tinytorch/base/interrupt.hpp"

namespace tt::capstone {
namespace {

constexpr std::int64_t kStepsPerSample = 100;
constexpr std::int64_t kMaxWarmupCalls = 10'000;
constexpr std::int64_t kMaxWarmupNs = 2'000'000'000;  // a slow model warms up on fewer calls
constexpr std::int64_t kMaxCallsPerSample = std::int64_t{1} << 40;

class Stopwatch {
 public:
  Stopwatch(Measurable& model, Clock clock) : model_(model), clock_(clock) {}

  std::int64_t time_calls(std::int64_t calls) {
    throw_if_interrupted();
    const std::int64_t begin = clock_();
    for (std::int64_t i = 0; i < calls; ++i) model_.run();
    return clock_() - begin;
  }

 private:
  Measurable& model_;
  Clock clock_;
};

std::int64_t warm_up(Stopwatch& watch, const LatencyOptions& options) {
  std::int64_t calls = 0, spent = 0;
  const auto wanted = [&] { return calls < options.warmup_calls || spent < options.warmup_ns; };
  const std::int64_t begin = options.clock();
  while (wanted() && calls < kMaxWarmupCalls && spent < kMaxWarmupNs) {
    watch.time_calls(1);
    ++calls;
    spent = options.clock() - begin;
  }
  return calls;
}

void double_calls(std::int64_t& calls) {
  if (calls >= kMaxCallsPerSample) fail<StateError>("the monotonic clock does not advance");
  calls *= 2;
}

}  // namespace

Latency measure_latency(Measurable& model, const LatencyOptions& options) {
  if (options.runs < 1) {
    fail<ValueError>("the number of timed runs must be at least 1, got ", options.runs);
  }
  Stopwatch watch(model, options.clock);
  Latency latency;
  latency.warmup_calls = warm_up(watch, options);

  const std::int64_t shortest = kStepsPerSample * clock_step_ns(options.clock);
  std::int64_t calls = 1;
  while (watch.time_calls(calls) < shortest) {
    latency.warmup_calls += calls;
    double_calls(calls);
  }
  latency.warmup_calls += calls;

  for (std::int64_t i = 0; i < options.runs; ++i) {
    std::int64_t elapsed = watch.time_calls(calls);
    // The model became much faster since calibration (a cache, a rising clock rate).
    while (elapsed < shortest / 4) {
      double_calls(calls);
      elapsed = watch.time_calls(calls);
    }
    latency.samples_ms.push_back(static_cast<double>(elapsed) / static_cast<double>(calls) * 1e-6);
  }
  latency.calls_per_sample = calls;
  return latency;
}

}  // namespace tt::capstone
