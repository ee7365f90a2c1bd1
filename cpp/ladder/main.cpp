// tt_ladder THREADS [NAME]: measures the ladders, a line of JSON each (benchmarks/ladder.py).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cases.hpp"
#include "tinytorch/base/error.hpp"
#include "tinytorch/base/thread_pool.hpp"

namespace {

using Clock = std::chrono::steady_clock;

double seconds(const std::function<void()>& work) {
  const auto begin = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Every step once per round, so that a slow moment of the machine meets all of them; the best
// counts. Short steps are repeated within a round.
void measure(const tt::ladder::Ladder& ladder, int threads) {
  constexpr int kRounds = 7;
  constexpr double kShare = 0.02;  // seconds per step and round, at least
  std::vector<double> best(ladder.steps.size(), 1e30);
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < best.size(); ++i) {
      tt::set_num_threads(ladder.steps[i].threaded ? threads : 1);
      if (round == 0) ladder.steps[i].run();  // memory and tables are made
      if (round > 1 && best[i] > 0.3) continue;
      for (double spent = 0; spent < kShare;) {
        const double took = seconds(ladder.steps[i].run);
        best[i] = std::min(best[i], took);
        spent += took;
      }
    }
  }
  std::printf(
      "{\"ladder\": \"%s\", \"problem\": \"%s\", \"operations\": %.0f, \"bytes\": %.0f, "
      "\"steps\": [",
      ladder.name.c_str(), ladder.problem.c_str(), ladder.operations, ladder.bytes);
  for (std::size_t i = 0; i < best.size(); ++i) {
    const tt::ladder::Step& s = ladder.steps[i];
    std::printf("%s{\"name\": \"%s\", \"format\": \"%s\", \"threads\": %d, \"seconds\": %.9f}",
                i > 0 ? ", " : "", s.name.c_str(), s.format.c_str(), s.threaded ? threads : 1,
                best[i]);
  }
  std::printf("]}\n");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) try {
  using namespace tt::ladder;
  const int threads = argc > 1 ? std::atoi(argv[1]) : 0;
  tt::set_num_threads(threads);  // names what is allowed
  const Steps all = steps(tt::active_isa());
  for (const auto make : {gemm_ladder, convolution_ladder, int8_ladder, attention_ladder}) {
    const Ladder ladder = make(all, 0);
    if (argc < 3 || ladder.name == argv[2]) measure(ladder, threads);
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "tt_ladder THREADS [NAME]: %s\n", error.what());
  return 2;
}
