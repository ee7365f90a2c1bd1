#include "tinytorch/capstone/latency.hpp"

#include <algorithm>
#include <cstdlib>

#include "capstone/fake_model.hpp"
#include "support/catch.hpp"
#include "support/profile.hpp"
#include "tinytorch/base/error.hpp"

using namespace tt;
using namespace tt::capstone;
using namespace tt::capstone::testing;

namespace {

LatencyOptions with_fake_clock(std::int64_t runs) {
  LatencyOptions options;
  options.runs = runs;
  options.clock = fake_clock;
  return options;
}

}  // namespace

TEST_CASE("the step of a clock is its resolution or the cost of reading it") {
  reset_clock(1);
  CHECK(clock_step_ns(fake_clock) == 20);
  reset_clock(10'000);
  CHECK(clock_step_ns(fake_clock) == 10'000);
  const std::int64_t real = clock_step_ns(steady_now_ns);
  CHECK(real > 0);
  CHECK(real < 100'000'000);
}

TEST_CASE("a slow model is timed call by call") {
  reset_clock();
  FakeModel model;
  model.cost = [](std::int64_t) { return 5'000'000; };
  const Latency latency = measure_latency(model, with_fake_clock(30));
  CHECK(latency.samples_ms.size() == 30);
  CHECK(latency.calls_per_sample == 1);
  CHECK(latency.warmup_calls == 6);  // 5, which take 25 ms, and one to calibrate
  CHECK(model.calls == 36);
  for (double ms : latency.samples_ms) CHECK(ms == Approx(5.0).epsilon(0.001));
}

TEST_CASE("a very slow model is warmed up for two seconds, not five calls") {
  reset_clock();
  FakeModel model;
  model.cost = [](std::int64_t) { return 3'000'000'000; };
  const Latency latency = measure_latency(model, with_fake_clock(1));
  CHECK(latency.warmup_calls == 2);
  CHECK(latency.samples_ms.at(0) == Approx(3000.0));
}

TEST_CASE("a model faster than the clock is repeated until the clock can see it") {
  const std::int64_t step = GENERATE(1, 100, test::quick_or_slow(1'000, 10'000));
  const std::int64_t cost = GENERATE(1, 3, 50);
  reset_clock(step);
  FakeModel model;
  model.cost = [=](std::int64_t) { return cost; };
  const Latency latency = measure_latency(model, with_fake_clock(8));
  CHECK(latency.samples_ms.size() == 8);
  CHECK(latency.calls_per_sample * cost >= 100 * std::max<std::int64_t>(step, 20) - 2 * step);
  for (double ms : latency.samples_ms) {
    CHECK(ms > 0);
    CHECK(ms == Approx(static_cast<double>(cost) * 1e-6).epsilon(0.02));
  }
}

TEST_CASE("a model that takes no time at all ends with an error, not a hang") {
  reset_clock();
  FakeModel model;
  model.cost = [](std::int64_t) { return 0; };
  // The clock's own cost is all that passes: calibration must give up. Few real calls are made
  // because each doubling is refused by the model after a while.
  model.cost = [&](std::int64_t) -> std::int64_t {
    if (model.calls > test::quick_or_slow(200'000, 2'000'000)) throw StateError("enough");
    return 0;
  };
  CHECK_THROWS_AS(measure_latency(model, with_fake_clock(3)), StateError);
}

TEST_CASE("a model that becomes fast after calibration still never measures 0") {
  reset_clock(1000);
  FakeModel model;
  model.cost = [&](std::int64_t) { return model.calls < 40 ? 2'000'000 : 7; };
  const Latency latency = measure_latency(model, with_fake_clock(50));
  CHECK(latency.calls_per_sample > 1000);
  for (double ms : latency.samples_ms) CHECK(ms > 0);
  CHECK(latency.samples_ms.back() == Approx(7e-6).epsilon(0.05));
}

TEST_CASE("models that are timed in turns meet the same machine") {
  reset_clock();
  // From some moment on everything takes twice as long: both models see it in about as many
  // samples.
  constexpr std::int64_t kSlowFrom = 1'000'000'000;
  FakeModel one, two;
  const auto costing = [](std::int64_t ns) {
    return [=](std::int64_t) { return fake_now < kSlowFrom ? ns : 2 * ns; };
  };
  one.cost = costing(6'000'000), two.cost = costing(3'000'000);
  Measurable* const both[] = {&one, &two};
  const std::vector<Latency> found = measure_latencies(both, with_fake_clock(200));
  REQUIRE(found.size() == 2);
  const auto slow = [](const Latency& l, double usual) {
    REQUIRE(l.samples_ms.size() == 200);
    return std::count_if(l.samples_ms.begin(), l.samples_ms.end(),
                         [=](double ms) { return ms > 1.5 * usual; });
  };
  const auto of_one = slow(found[0], 6.0), of_two = slow(found[1], 3.0);
  CHECK(of_one >= 40);
  CHECK(of_one <= 160);
  CHECK(std::abs(of_one - of_two) <= 20);  // a turn's samples
  CHECK(found[0].warmup_calls == 5 + 1 + 9);
  CHECK(measure_latencies({}, with_fake_clock(5)).empty());
  CHECK(measure_latencies(both, with_fake_clock(3))[1].samples_ms.size() == 3);
  CHECK_THROWS_AS(measure_latencies(both, with_fake_clock(0)), ValueError);
}

TEST_CASE("what a model throws comes out of the measurement") {
  reset_clock();
  FakeModel model;
  model.cost = [](std::int64_t) -> std::int64_t { throw IndexError("broken model"); };
  CHECK_THROWS_AS(measure_latency(model, with_fake_clock(3)), IndexError);
}

TEST_CASE("at least one run") {
  FakeModel model;
  CHECK_THROWS_AS(measure_latency(model, with_fake_clock(0)), ValueError);
  CHECK_THROWS_AS(measure_latency(model, with_fake_clock(-1)), ValueError);
}

TEST_CASE("the real clock measures an empty model") {
  FakeModel model;
  LatencyOptions options;
  options.runs = 20;
  options.warmup_ns = 0;
  const Latency latency = measure_latency(model, options);
  for (double ms : latency.samples_ms) {
    CHECK(ms > 0);
    CHECK(ms < 1);
  }
}

TEST_CASE("timestamps are ISO 8601 in UTC") {
  const std::string now = utc_timestamp();
  CHECK(now.size() == 25);
  CHECK(now.substr(10, 1) == "T");
  CHECK(now.substr(19) == "+00:00");
}
