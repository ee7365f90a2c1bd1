#include "tinytorch/capstone/report.hpp"

#include <nlohmann/json.hpp>

#include "capstone/fake_model.hpp"
#include "support/catch.hpp"
#include "tinytorch/base/error.hpp"
#include "tinytorch/capstone/submission.hpp"

using namespace tt;
using namespace tt::capstone;
using namespace tt::capstone::testing;

namespace {

BenchmarkOptions options_with_fake_clock() {
  BenchmarkOptions options;
  options.latency.runs = 25;
  options.latency.clock = fake_clock;
  options.throughput.clock = fake_clock;
  return options;
}

constexpr std::int64_t kLabels[] = {0, 1, 1, 0};

FakeModel model_costing(std::int64_t ns) {
  FakeModel model;
  model.answers = {0, 1, 0, 0};
  model.cost = [=](std::int64_t rows) { return ns + rows; };
  return model;
}

}  // namespace

TEST_CASE("accuracy counts rows, and an unusable answer is wrong") {
  const std::vector<std::int64_t> predicted = {0, -1, 1, 1};
  CHECK(accuracy(predicted, kLabels) == 0.5);
  CHECK_THROWS_AS(accuracy(std::vector<std::int64_t>{1}, kLabels), ValueError);
  CHECK_THROWS_AS(accuracy({}, {}), ValueError);
}

TEST_CASE("a report holds every metric, and its formulas") {
  reset_clock();
  FakeModel model = model_costing(4'000'000);
  model.parameters = 283;
  model.size = {1132, "float32_parameters"};
  const Json metrics = to_json(benchmark(model, kLabels, options_with_fake_clock()));
  CHECK(metrics["parameter_count"] == 283);
  CHECK(metrics["model_size_mb"].get<double>() == Approx(1132 / 1048576.0));
  CHECK(metrics["model_size_bytes"] == 1132);
  CHECK(metrics["accuracy"] == 0.75);
  CHECK(metrics["latency_ms_mean"].get<double>() == Approx(4.0).epsilon(0.001));
  CHECK(metrics["throughput_samples_per_sec"].get<double>() ==
        Approx(1000 / metrics["latency_ms_mean"].get<double>()));
  CHECK(metrics["num_runs"] == 25);
  CHECK(metrics["best_batch_size"] == 1024);
  CHECK(metrics["peak_memory_source"] == "rss");
  CHECK(metrics["peak_memory_mb"].get<double>() > 1);
}

TEST_CASE("peak memory is the stored bytes and what one pass takes from the allocator") {
  reset_clock();
  FakeModel model = model_costing(1000);
  AllocatorCounters counters{5000, 9000, 7};
  BenchmarkOptions options = options_with_fake_clock();
  options.allocator.read = [&] { return counters; };
  options.allocator.reset_peak = [&] { counters.peak_bytes = counters.live_bytes; };
  model.cost = [&](std::int64_t rows) {
    counters.allocations += 2;
    counters.peak_bytes = std::max(counters.peak_bytes, counters.live_bytes + 300 * rows);
    return 1000;
  };
  const Metrics metrics = benchmark(model, kLabels, options);
  CHECK(metrics.peak_memory.source == "allocator");
  CHECK(metrics.peak_memory.bytes == 40 + 300);
}

TEST_CASE("impossible counts are refused") {
  reset_clock();
  FakeModel model = model_costing(1000);
  model.parameters = -1;
  CHECK_THROWS_AS(benchmark(model, kLabels, options_with_fake_clock()), ValueError);
  model.parameters = 1;
  model.size.bytes = -4;
  CHECK_THROWS_AS(benchmark(model, kLabels, options_with_fake_clock()), ValueError);
}

TEST_CASE("two measured reports make a valid submission") {
  reset_clock();
  FakeModel slow = model_costing(8'000'000), fast = model_costing(1'000'000);
  slow.size.bytes = 4000;
  fast.size.bytes = 1000;
  Json baseline = to_json(benchmark_report("mlp", slow, kLabels, options_with_fake_clock()));
  Json optimized = to_json(benchmark_report("mlp int8", fast, kLabels, options_with_fake_clock()));
  for (Json* report : {&baseline, &optimized}) {
    (*report)["system_info"]["platform"] = "test";
    (*report)["system_info"]["python_version"] = "3.11";
  }
  const Json submission = generate_submission(baseline, &optimized, "Ada", {"int8"});
  validate_submission(submission);
  CHECK(submission["improvements"]["speedup"].get<double>() == Approx(8.0).epsilon(0.01));
  CHECK(submission["improvements"]["compression_ratio"] == 4.0);
  CHECK(submission["student_name"] == "Ada");
  CHECK(submission["optimized"]["techniques_applied"] == Json({"int8"}));
}
