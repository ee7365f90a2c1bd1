#include "tinytorch/kernels/call_counter.hpp"

#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using namespace tt;

namespace {

std::uint64_t calls(const std::string& family) {
  for (const auto& [name, count] : kernels::call_counts()) {
    if (name == family) return count;
  }
  FAIL("no family " << family);
  return 0;
}

}  // namespace

TEST_CASE("calls of one family are counted for that family", "[kernels]") {
  const std::uint64_t pool = calls("pool"), rows = calls("rows");
  kernels::count_call(kernels::Family::pool);
  kernels::count_call(kernels::Family::pool);
  CHECK(calls("pool") == pool + 2);
  CHECK(calls("rows") == rows);
}

TEST_CASE("no call is lost between threads", "[kernels]") {
  constexpr int kThreads = 4, kCalls = 10'000;
  const std::uint64_t before = calls("sparse");
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < kCalls; ++i) kernels::count_call(kernels::Family::sparse);
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(calls("sparse") == before + kThreads * kCalls);
}
