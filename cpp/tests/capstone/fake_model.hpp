// A model and a clock that do as they are told, for tests that must not depend on real time.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "tinytorch/capstone/measurable.hpp"

namespace tt::capstone::testing {

inline std::int64_t fake_now = 0;         // advanced by models
inline std::int64_t fake_step = 1;        // the clock shows multiples of this
inline std::int64_t fake_read_cost = 20;  // a reading takes this long

inline std::int64_t fake_clock() {
  fake_now += fake_read_cost;
  return fake_now / fake_step * fake_step;
}

struct FakeModel : Measurable {
  std::function<std::int64_t(std::int64_t)> cost = [](std::int64_t n) { return n; };
  std::vector<std::int64_t> answers = {0, 1};
  std::int64_t rows = 0, calls = 0;
  std::int64_t parameters = 10;
  StoredSize size = {40, "float32_parameters"};

  void prepare(std::int64_t count) override { rows = count; }
  void run() override {
    ++calls;
    fake_now += cost(rows);
  }
  std::vector<std::int64_t> predict() override { return answers; }
  std::int64_t count_parameters() override { return parameters; }
  StoredSize stored_size() override { return size; }
};

inline void reset_clock(std::int64_t step = 1) {
  fake_now = 1'000'000;
  fake_step = step;
  fake_read_cost = 20;
}

}  // namespace tt::capstone::testing
