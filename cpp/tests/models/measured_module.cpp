// From a model of the engine to a valid submission, without Python.
#include "tinytorch/models/measured_module.hpp"

#include <nlohmann/json.hpp>

#include "support/catch.hpp"
#include "tinytorch/capstone/report.hpp"
#include "tinytorch/capstone/submission.hpp"
#include "tinytorch/models/digits_cnn.hpp"
#include "tinytorch/models/simple_mlp.hpp"

using namespace tt;

namespace {

Array normal(const Shape& shape) {
  Generator generator(3);
  const Array x = Array::empty(shape);
  generator.normal(x.data<float>(), x.size(), 0.0f, 1.0f);
  return x;
}

capstone::BenchmarkOptions few_runs() {
  capstone::BenchmarkOptions options;
  options.latency.runs = 5;
  options.latency.warmup_ns = 0;
  options.throughput.max_rows = 8;
  return options;
}

}  // namespace

TEST_CASE("two engine models give a submission that validates") {
  Generator generator(1);
  models::SimpleMLP large(generator, 64, 100, 10), small(generator, 64, 10, 10);
  const Array x = normal({6, 64});
  models::MeasuredModule measured_large(large, x), measured_small(small, x);
  const std::vector<std::int64_t> labels = measured_large.predict();
  const auto before = capstone::benchmark_report("large", measured_large, labels, few_runs());
  const auto after = capstone::benchmark_report("small", measured_small, labels, few_runs());
  CHECK(before.metrics.accuracy == 1.0);
  CHECK(before.metrics.parameter_count == 64 * 100 + 100 + 100 * 10 + 10);
  CHECK(before.metrics.size.bytes == 4 * before.metrics.parameter_count);
  CHECK(before.metrics.latency_ms.min > 0.0);

  const capstone::Json baseline = to_json(before), optimized = to_json(after);
  const capstone::Json submission =
      capstone::generate_submission(baseline, &optimized, "Ada", {"narrower"});
  // What only Python knows of the system is added by its side.
  capstone::Json complete = submission;
  complete["system_info"]["platform"] = "Linux";
  complete["system_info"]["python_version"] = "none";
  complete["system_info"]["numpy_version"] = "none";
  CHECK_NOTHROW(capstone::validate_submission(complete));
  CHECK(complete["improvements"]["compression_ratio"].get<double>() > 9.0);
}

TEST_CASE("a measured module repeats its rows and trains again afterwards") {
  Generator generator(1);
  models::DigitsCNN cnn(generator);
  {
    models::MeasuredModule measured(cnn, normal({3, 1, 8, 8}));
    CHECK_FALSE(cnn.training());
    measured.prepare(8);
    CHECK_NOTHROW(measured.run());
    CHECK(measured.predict().size() == 3);
  }
  CHECK(cnn.training());
}

TEST_CASE("a measured module refuses data without rows and forward passes without classes") {
  struct Flat final : nn::Module {
    nn::Tensor forward(const nn::Tensor& x) override { return nn::Tensor(x.array().select(0, 0)); }
    void collect(const std::string&, nn::NamedTensors&) const override {}
  } flat;
  CHECK_THROWS_AS(models::MeasuredModule(flat, Array::empty({0, 4})), ShapeError);
  CHECK_THROWS_AS(models::MeasuredModule(flat, Array::empty({})), ShapeError);
  models::MeasuredModule measured(flat, normal({2, 4}));
  CHECK_THROWS_AS(measured.predict(), ShapeError);
}
