#include "tinytorch/capstone/clock.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <limits>

#include "tinytorch/base/error.hpp"

namespace tt::capstone {

std::int64_t steady_now_ns() {
  const auto since_start = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since_start).count();
}

std::int64_t clock_step_ns(Clock clock) {
  constexpr int kSteps = 16;
  constexpr std::int64_t kMaxReadings = 200'000'000;  // seconds: no clock in use is that coarse
  std::int64_t smallest = std::numeric_limits<std::int64_t>::max();
  std::int64_t readings = 0;
  for (int i = 0; i < kSteps; ++i) {
    const std::int64_t begin = clock();
    std::int64_t end = begin;
    while (end <= begin) {
      if (++readings > kMaxReadings) fail<StateError>("the monotonic clock does not advance");
      end = clock();
    }
    smallest = std::min(smallest, end - begin);
  }
  return smallest;
}

std::string utc_timestamp() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[40];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S+00:00", &parts);
  return {text, size};
}

}  // namespace tt::capstone
