#include "tinytorch/capstone/throughput.hpp"

#include "capstone/fake_model.hpp"
#include "support/catch.hpp"
#include "tinytorch/base/error.hpp"

using namespace tt;
using namespace tt::capstone;
using namespace tt::capstone::testing;

namespace {

Throughput search(FakeModel& model, std::int64_t budget_ns = 1'000'000'000) {
  ThroughputOptions options;
  options.clock = fake_clock;
  options.budget_ns = budget_ns;
  return search_throughput(model, static_cast<double>(model.cost(1)) * 1e-9, options);
}

}  // namespace

TEST_CASE("a batch that costs no more than a row: the largest wins") {
  reset_clock();
  FakeModel model;
  model.cost = [](std::int64_t rows) { return 10'000 + rows; };
  const Throughput found = search(model);
  CHECK(found.best.rows == 1024);
  CHECK(found.curve.size() == 11);
  CHECK(found.stopped_by == "max_rows");
  CHECK(found.best.samples_per_sec == Approx(1024 / 11'024e-9).epsilon(0.01));
}

TEST_CASE("throughput that falls ends the search at its peak") {
  reset_clock();
  FakeModel model;
  model.cost = [](std::int64_t rows) { return 10'000 + (rows > 16 ? rows * rows * 100 : rows); };
  const Throughput found = search(model);
  CHECK(found.best.rows == 16);
  CHECK(found.curve.back().rows == 64);
  CHECK(found.stopped_by == "falling");
}

TEST_CASE("the search keeps to its budget") {
  reset_clock();
  FakeModel model;
  model.cost = [](std::int64_t rows) { return rows * 20'000'000; };
  const std::int64_t begin = fake_now;
  const Throughput found = search(model, 1'000'000'000);
  CHECK(fake_now - begin <= 1'100'000'000);
  CHECK(found.stopped_by == "budget");
  CHECK(found.curve.size() >= 2);
}

TEST_CASE("a model too slow for any batch keeps its single-row figure") {
  reset_clock();
  FakeModel model;
  model.cost = [](std::int64_t rows) { return rows * 2'000'000'000; };
  const Throughput found = search(model);
  CHECK(model.calls == 0);
  CHECK(found.best.rows == 1);
  CHECK(found.best.samples_per_sec == Approx(0.5));
}

TEST_CASE("a model that refuses a batch size keeps what was measured before") {
  reset_clock();
  FakeModel model;
  model.cost = [](std::int64_t rows) -> std::int64_t {
    if (rows > 4) throw ShapeError("only up to 4 rows");
    return 1000;
  };
  const Throughput found = search(model);
  CHECK(found.best.rows == 4);
  CHECK(found.stopped_by == "only up to 4 rows");
}

TEST_CASE("Ctrl-C is not mistaken for a refused size") {
  reset_clock();
  FakeModel model;
  model.cost = [](std::int64_t rows) -> std::int64_t {
    if (rows > 4) throw Interrupted();
    return 1000;
  };
  CHECK_THROWS_AS(search(model), Interrupted);
}
