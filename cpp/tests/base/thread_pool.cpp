// The thread pool: every index once, nesting, exceptions, interrupts, many callers, a changing
// number of threads, forks. ThreadSanitizer runs these too.
#include "tinytorch/base/thread_pool.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "tinytorch/base/error.hpp"
#include "tinytorch/base/interrupt.hpp"

using namespace tt;

namespace {

class Threads {
 public:
  explicit Threads(int count) : before_(num_threads()) { set_num_threads(count); }
  ~Threads() { set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

std::int64_t sum_below(std::int64_t n, std::int64_t grain) {
  std::atomic<std::int64_t> total{0};
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t part = 0;
    for (std::int64_t i = begin; i < end; ++i) part += i;
    total += part;
  });
  return total;
}

}  // namespace

TEST_CASE("parallel_for visits every index once, in chunks that depend on n and grain alone") {
  const Threads threads(GENERATE(1, 2, 3, 8));
  for (const std::int64_t n : {0, 1, 2, 7, 100, 1001}) {
    for (const std::int64_t grain : {-1, 0, 1, 3, 100, 5000}) {
      std::vector<std::atomic<int>> visits(static_cast<std::size_t>(n));
      std::atomic<int> wrong{0};
      parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end) {
        const std::int64_t g = std::max<std::int64_t>(grain, 1);
        wrong += begin % g != 0 || end != std::min(n, begin + g);
        for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
      });
      for (const auto& v : visits) wrong += v != 1;
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("nested loops run inline and see every index") {
  const Threads threads(4);
  std::atomic<std::int64_t> total{0};
  parallel_for(20, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto here = std::this_thread::get_id();
      parallel_for(100, 7, [&](std::int64_t b, std::int64_t e) {
        if (std::this_thread::get_id() != here) total += 1000000;
        total += e - b;
      });
    }
  });
  CHECK(total == 2000);
}

TEST_CASE("an exception in a chunk reaches the caller, and the pool goes on") {
  const Threads threads(GENERATE(1, 4));
  const bool nested = GENERATE(false, true);
  for (int round = 0; round < 20; ++round) {
    const auto work = [&](std::int64_t begin, std::int64_t) {
      const auto fail_at = [](std::int64_t at) {
        if (at == 37) throw std::runtime_error("chunk 37");
      };
      if (!nested) return fail_at(begin);
      parallel_for(2, 1, [&](std::int64_t, std::int64_t) { fail_at(begin); });
    };
    CHECK_THROWS_WITH(parallel_for(100, 1, work), "chunk 37");
    CHECK(sum_below(1000, 10) == 499500);
  }
}

TEST_CASE("set_num_threads refuses what makes no sense") {
  for (int count : {0, -1, 257, 1000000}) CHECK_THROWS_AS(set_num_threads(count), ValueError);
  const Threads threads(256);
  CHECK(num_threads() == 256);
  CHECK(sum_below(10000, 10) == 49995000);
}

TEST_CASE("many threads may call at once") {
  const Threads threads(3);
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      for (int round = 0; round < 100; ++round) wrong += sum_below(5000, 50) != 12497500;
    });
  }
  for (auto& t : callers) t.join();
  CHECK(wrong == 0);
}

TEST_CASE("the number of threads may change while others compute") {
  const Threads threads(2);
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      while (!stop) wrong += sum_below(2000, 20) != 1999000;
    });
  }
  for (int round = 0; round < 60; ++round) {
    set_num_threads(1 + round % 5);
    wrong += sum_below(500, 5) != 124750;
  }
  // Also from inside a loop, whose own pool it replaces.
  parallel_for(40, 1, [&](std::int64_t begin, std::int64_t) {
    if (begin % 10 == 0) set_num_threads(1 + static_cast<int>(begin / 10));
  });
  stop = true;
  for (auto& t : callers) t.join();
  CHECK(wrong == 0);
}

namespace {
std::atomic<int> g_asked{0}, g_stop_after{0};
bool stop_after_a_while() { return ++g_asked >= g_stop_after; }

class Interrupts {
 public:
  explicit Interrupts(int stop_after) {
    g_asked = 0;
    g_stop_after = stop_after;
    set_interrupt_check(&stop_after_a_while);
  }
  ~Interrupts() { set_interrupt_check(nullptr); }
};
void nap() { std::this_thread::sleep_for(std::chrono::milliseconds(3)); }
}  // namespace

TEST_CASE("an interrupt skips the chunks that are left") {
  const Threads threads(GENERATE(1, 3));
  const bool nested = GENERATE(false, true);
  const Interrupts interrupts(2);
  std::atomic<int> done{0};
  const auto work = [&](std::int64_t, std::int64_t) {
    const auto chunk = [&](std::int64_t, std::int64_t) {
      nap();
      ++done;
    };
    if (nested)
      parallel_for(200, 1, chunk);
    else
      chunk(0, 1);
  };
  CHECK_THROWS_AS(parallel_for(2000, 1, work), Interrupted);
  // Polled every 50 ms: the second poll says stop. Undisturbed it would take seconds.
  CHECK(done < 1000);
  g_stop_after = 1 << 30;
  CHECK(sum_below(1000, 10) == 499500);
}

TEST_CASE("polling is rare and cheap") {
  const Interrupts interrupts(1 << 30);
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(120);
  int calls = 0;
  for (; std::chrono::steady_clock::now() < end; ++calls) throw_if_interrupted();
  CHECK(calls > 100);
  CHECK(g_asked <= 4);
}

#if !defined(TINYTORCH_SANITIZED)  // sanitizers do not follow threads into a forked child
TEST_CASE("a forked child computes, and so does its parent") {
  if (std::getenv("TINYTORCH_TEST_EMULATED") != nullptr) {
    WARN(
        "not run: qemu-user (7.2) aborts when a forked child of a threaded process starts a "
        "thread");
    return;
  }
  const Threads threads(3);
  CHECK(sum_below(1000, 10) == 499500);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    alarm(20);  // a hang ends the child by a signal
    _exit(sum_below(1000, 10) == 499500 && sum_below(3000, 1) == 4498500 ? 0 : 1);
  }
  CHECK(sum_below(1000, 10) == 499500);
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
#endif
