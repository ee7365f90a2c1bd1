// Generators that are interrupted, used by several threads, and watched for memory.
#include <thread>

#include "runtime/generate/support.hpp"
#include "support/heap.hpp"
#include "tinytorch/array/allocator.hpp"
#include "tinytorch/base/interrupt.hpp"

using namespace tt;
using namespace tt::runtime;
using namespace tt::runtime::test;
using tt::test::heap_requests;

TEST_CASE("generator: an interrupt leaves everything as it was") {
  models::GptConfig config = small_config();  // large enough for work in several pieces
  config.width = 64, config.head_size = 32, config.hidden = 256;
  const GptSession session = small_session(config);
  const GptSession draft = small_session(config, 9);
  std::vector<TokenIds> want, got;
  for (const bool interrupted : {false, true}) {
    GptGenerator generator(session, {3, 0, 0, 8}, &draft);
    std::vector<std::shared_ptr<GptRequest>> requests;
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      GenerationOptions o = sampled(seed, 12);
      o.draft = seed == 1 ? Draft::lookup : seed < 4 ? Draft::model : Draft::none;
      requests.push_back(
          generator.submit(random_prompt(3 + 4 * static_cast<index_t>(seed), seed), o));
    }
    int interrupts = 0;
    for (bool more = true; more;) {
      if (interrupted) {
        set_interrupt_check([] { return true; });
        std::this_thread::sleep_for(std::chrono::milliseconds(51));  // checks are that far apart
      }
      try {
        more = generator.step();
      } catch (const Interrupted&) {
        ++interrupts;
        set_interrupt_check(nullptr);
        more = generator.step();
      }
      set_interrupt_check(nullptr);
    }
    CHECK((interrupts > 3) == interrupted);
    for (const auto& r : requests) (interrupted ? got : want).push_back(r->tokens());
  }
  CHECK(got == want);
}

TEST_CASE("generator: others submit, look and cancel while one thread steps") {
  const GptSession session = small_session(small_config());
  GptGenerator generator(session, {4, 1, 0, 16});
  std::atomic<bool> go{true};
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  std::vector<std::shared_ptr<GptRequest>> requests(60);
  for (std::size_t w = 0; w < 3; ++w) {
    threads.emplace_back([&, w] {
      for (std::size_t i = w; i < requests.size(); i += 3) {
        requests[i] = generator.submit(random_prompt(5, i), sampled(i, 8));
        if (i % 7 == 0) generator.cancel(requests[i]->id());
        const TokenIds now = requests[i]->tokens();
        if (now.size() > 8) ++refused;
        try {
          if (i % 5 == 0) generator.step();
        } catch (const StateError&) {
          ++refused;
        }
      }
    });
  }
  std::thread runner([&] {
    while (go) {
      try {
        generator.step();
      } catch (const StateError&) {
      }
    }
  });
  for (std::thread& t : threads) t.join();
  go = false;
  runner.join();
  generator.run();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const Finish finish = requests[i]->status().finish;
    CAPTURE(i, name_of(finish));
    if (finish == Finish::cancelled) {
      CHECK(i % 7 == 0);
    } else {
      CHECK(requests[i]->tokens() ==
            plain(session, random_prompt(5, i), 8, sampled(i, 8).sampling));
    }
  }
  CHECK(generator.running() == 0);
}

TEST_CASE("generator: steps in steady state allocate nothing") {
  const GptSession session = small_session(small_config(23, 200));
  const GptSession other = small_session(small_config(23, 200), 9);
  const auto submit_all = [](GptGenerator& generator, Draft way, index_t count) {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      GenerationOptions o = sampled(seed, count);
      o.stop_tokens = {{22, 22, 22, 22, 22, 22}};
      o.draft = way;
      generator.submit(random_prompt(4, seed), o);
    }
  };
  const auto grown = [&](Draft way, const GptSession& draft) {
    GptGenerator generator(session, {5, 0, 0, 256}, &draft);
    submit_all(generator, way, 190);  // texts as long as any here: scratch memory of the sessions
    generator.run();
    submit_all(generator, way, -1);
    for (int i = 0; i < 10; ++i) generator.step();
    const std::int64_t before = heap_requests() + memory_stats().allocations;
    for (int i = 0; i < 20; ++i) generator.step();
    CHECK(generator.running() == 5);
    return heap_requests() + memory_stats().allocations - before;
  };
  for (const int threads : {1, 3}) {
    CAPTURE(threads);
    const Threads guard(threads);
    CHECK(grown(Draft::none, session) == 0);
    CHECK(grown(Draft::model, session) == 0);  // every step is as large as can be
    // Steps that differ: scratch memory for the largest so far.
    CHECK(grown(Draft::lookup, session) < 5);
    CHECK(grown(Draft::model, other) < 5);
  }
}
