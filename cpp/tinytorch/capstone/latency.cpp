#include "tinytorch/capstone/latency.hpp"

#include <utility>

#include "tinytorch/base/error.hpp"
#include "tinytorch/base/interrupt.hpp"

namespace tt::capstone {
namespace {

constexpr std::int64_t kStepsPerSample = 100;
constexpr std::int64_t kMaxWarmupCalls = 10'000;
constexpr std::int64_t kMaxWarmupNs = 2'000'000'000;  // a slow model warms up on fewer calls
constexpr std::int64_t kMaxCallsPerSample = std::int64_t{1} << 40;
constexpr std::int64_t kTurns = 10;

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

// One model on its way to its samples.
class Sampler {
 public:
  // Warms up and calibrates.
  Sampler(Measurable& model, const LatencyOptions& options)
      : watch_(model, options.clock), shortest_(kStepsPerSample * clock_step_ns(options.clock)) {
    warm_up(options);
    while (watch_.time_calls(calls_) < shortest_) double_calls(true);
    latency_.warmup_calls += calls_;
  }

  void call_uncounted() {
    watch_.time_calls(1);
    ++latency_.warmup_calls;
  }
  void sample() {
    std::int64_t elapsed = watch_.time_calls(calls_);
    // The model became much faster since calibration (a cache, a rising clock rate).
    while (elapsed < shortest_ / 4) {
      double_calls(false);
      elapsed = watch_.time_calls(calls_);
    }
    latency_.samples_ms.push_back(static_cast<double>(elapsed) / static_cast<double>(calls_) *
                                  1e-6);
  }
  Latency finish() {
    latency_.calls_per_sample = calls_;
    return std::move(latency_);
  }

 private:
  void warm_up(const LatencyOptions& options) {
    std::int64_t& calls = latency_.warmup_calls;
    std::int64_t spent = 0;
    const auto wanted = [&] { return calls < options.warmup_calls || spent < options.warmup_ns; };
    const std::int64_t begin = options.clock();
    while (wanted() && calls < kMaxWarmupCalls && spent < kMaxWarmupNs) {
      watch_.time_calls(1);
      ++calls;
      spent = options.clock() - begin;
    }
  }
  void double_calls(bool warming_up) {
    if (calls_ >= kMaxCallsPerSample) fail<StateError>("the monotonic clock does not advance");
    if (warming_up) latency_.warmup_calls += calls_;
    calls_ *= 2;
  }

  Stopwatch watch_;
  std::int64_t shortest_, calls_ = 1;
  Latency latency_;
};

}  // namespace

std::vector<Latency> measure_latencies(std::span<Measurable* const> models,
                                       const LatencyOptions& options) {
  if (options.runs < 1) {
    fail<ValueError>("the number of timed runs must be at least 1, got ", options.runs);
  }
  std::vector<Sampler> samplers;
  samplers.reserve(models.size());
  for (Measurable* model : models) samplers.emplace_back(*model, options);
  const std::int64_t turns = models.size() > 1 ? kTurns : 1;
  for (std::int64_t turn = 0; turn < turns; ++turn) {
    const std::int64_t first = options.runs * turn / turns;
    const std::int64_t last = options.runs * (turn + 1) / turns;
    for (Sampler& sampler : samplers) {
      if (turn > 0 && last > first) sampler.call_uncounted();  // the others had the caches
      for (std::int64_t i = first; i < last; ++i) sampler.sample();
    }
  }
  std::vector<Latency> found;
  for (Sampler& sampler : samplers) found.push_back(sampler.finish());
  return found;
}

Latency measure_latency(Measurable& model, const LatencyOptions& options) {
  Measurable* const one = &model;
  return std::move(measure_latencies({&one, 1}, options).front());
}

}  // namespace tt::capstone
