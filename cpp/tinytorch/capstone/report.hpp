// One model, measured: what a submission's "baseline" and "optimized" sections are made of.
//   throughput_samples_per_sec = 1000 / latency_ms_mean      model_size_mb = stored bytes / 2^20
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tinytorch/capstone/json_fwd.hpp"
#include "tinytorch/capstone/latency.hpp"
#include "tinytorch/capstone/measurable.hpp"
#include "tinytorch/capstone/peak_memory.hpp"
#include "tinytorch/capstone/statistics.hpp"
#include "tinytorch/capstone/system_info.hpp"
#include "tinytorch/capstone/throughput.hpp"

namespace tt::capstone {

struct BenchmarkOptions {
  LatencyOptions latency;
  ThroughputOptions throughput;
  AllocatorGauge allocator;  // empty: memory is the process's
};

struct Metrics {
  std::int64_t parameter_count = 0;
  StoredSize size;
  double accuracy = 0;
  Summary latency_ms;  // one row
  std::int64_t calls_per_run = 1, warmup_runs = 0;
  Throughput throughput;
  PeakMemory peak_memory;
};

struct BenchmarkReport {
  std::string model_name;
  Metrics metrics;
  SystemInfo system;
  std::string timestamp;
};

// Share of rows whose predicted class is the label. ValueError unless both have the same length
// >= 1.
double accuracy(std::span<const std::int64_t> predicted, std::span<const std::int64_t> labels);

// A model, and the class of every row of its test data.
struct Contender {
  Measurable* model;
  std::span<const std::int64_t> labels;
};

// Accuracy, latency of one row, best batch, memory, in this order; latencies of several models in
// turns (latency.hpp). Ctrl-C ends it (Interrupted).
std::vector<Metrics> benchmark(std::span<const Contender> contenders,
                               const BenchmarkOptions& options);
Metrics benchmark(Measurable& model, std::span<const std::int64_t> labels,
                  const BenchmarkOptions& options);

BenchmarkReport benchmark_report(std::string model_name, Measurable& model,
                                 std::span<const std::int64_t> labels,
                                 const BenchmarkOptions& options);

Json to_json(const Metrics& metrics);  // the submission's "metrics" object
Json to_json(const SystemInfo& system);
Json to_json(const BenchmarkReport& report);  // model_name, metrics, system_info, timestamp

}  // namespace tt::capstone
