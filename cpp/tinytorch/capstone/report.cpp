#include "tinytorch/capstone/report.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "tinytorch/base/error.hpp"

namespace tt::capstone {

double accuracy(std::span<const std::int64_t> predicted, std::span<const std::int64_t> labels) {
  if (predicted.size() != labels.size()) {
    fail<ValueError>("the model predicts ", predicted.size(), " rows, but there are ",
                     labels.size(), " labels; give one label per row");
  }
  if (labels.empty()) fail<ValueError>("accuracy needs at least one row of test data");
  std::int64_t right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) right += predicted[i] == labels[i];
  return static_cast<double>(right) / static_cast<double>(labels.size());
}

namespace {

// What is known before anything is timed.
Metrics untimed(const Contender& c) {
  Metrics metrics;
  metrics.parameter_count = c.model->count_parameters();
  metrics.size = c.model->stored_size();
  if (metrics.parameter_count < 0) {
    fail<ValueError>("a model cannot have ", metrics.parameter_count, " parameters");
  }
  if (metrics.size.bytes < 0) {
    fail<ValueError>("a model cannot be stored in ", metrics.size.bytes, " bytes");
  }
  metrics.accuracy = accuracy(c.model->predict(), c.labels);
  return metrics;
}

}  // namespace

std::vector<Metrics> benchmark(std::span<const Contender> contenders,
                               const BenchmarkOptions& options) {
  std::vector<Metrics> all;
  std::vector<Measurable*> models;
  for (const Contender& c : contenders) {
    all.push_back(untimed(c));
    models.push_back(c.model);
    c.model->prepare(1);
  }
  const std::vector<Latency> latencies = measure_latencies(models, options.latency);
  for (std::size_t i = 0; i < all.size(); ++i) {
    Metrics& metrics = all[i];
    metrics.latency_ms = summarize(latencies[i].samples_ms);
    metrics.calls_per_run = latencies[i].calls_per_sample;
    metrics.warmup_runs = latencies[i].warmup_calls;
    const double seconds = metrics.latency_ms.p50 * 1e-3;
    metrics.throughput = search_throughput(*models[i], seconds, options.throughput);
    metrics.peak_memory = measure_peak_memory(*models[i], metrics.size.bytes, options.allocator);
  }
  return all;
}

Metrics benchmark(Measurable& model, std::span<const std::int64_t> labels,
                  const BenchmarkOptions& options) {
  const Contender one{&model, labels};
  return std::move(benchmark({&one, 1}, options).front());
}

BenchmarkReport benchmark_report(std::string model_name, Measurable& model,
                                 std::span<const std::int64_t> labels,
                                 const BenchmarkOptions& options) {
  return {std::move(model_name), benchmark(model, labels, options), system_info(), utc_timestamp()};
}

Json to_json(const Metrics& metrics) {
  constexpr double kMegabyte = 1048576.0;
  const Summary& latency = metrics.latency_ms;
  return {
      {"parameter_count", metrics.parameter_count},
      {"model_size_mb", static_cast<double>(metrics.size.bytes) / kMegabyte},
      {"accuracy", metrics.accuracy},
      {"latency_ms_mean", latency.mean},
      {"latency_ms_std", latency.std},
      {"throughput_samples_per_sec", 1000.0 / latency.mean},
      {"latency_ms_p50", latency.p50},
      {"latency_ms_p90", latency.p90},
      {"latency_ms_p99", latency.p99},
      {"latency_ms_min", latency.min},
      {"latency_ms_ci95_low", latency.ci_low},
      {"latency_ms_ci95_high", latency.ci_high},
      {"num_runs", latency.count},
      {"outliers_dropped", latency.outliers_dropped},
      {"calls_per_run", metrics.calls_per_run},
      {"warmup_runs", metrics.warmup_runs},
      {"batched_throughput_samples_per_sec", metrics.throughput.best.samples_per_sec},
      {"best_batch_size", metrics.throughput.best.rows},
      {"peak_memory_mb", static_cast<double>(metrics.peak_memory.bytes) / kMegabyte},
      {"peak_memory_source", metrics.peak_memory.source},
      {"model_size_bytes", metrics.size.bytes},
      {"size_source", metrics.size.source},
  };
}

Json to_json(const SystemInfo& system) {
  return {
      {"cpu", system.cpu},
      {"isa", system.isa},
      {"threads", system.threads},
      {"memory_mb", system.memory_mb},
      {"tinytorch_version", system.tinytorch_version},
  };
}

Json to_json(const BenchmarkReport& report) {
  return {
      {"model_name", report.model_name},
      {"metrics", to_json(report.metrics)},
      {"system_info", to_json(report.system)},
      {"timestamp", report.timestamp},
  };
}

}  // namespace tt::capstone
