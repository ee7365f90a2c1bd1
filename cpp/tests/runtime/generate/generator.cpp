// Continuous batching against generating token by token: the same tokens whatever else goes on.
#include "tinytorch/runtime/generate/generator.hpp"

#include "runtime/generate/support.hpp"

using namespace tt;
using namespace tt::runtime;
using namespace tt::runtime::test;

namespace {

const std::vector<index_t> kLengths = {1, 30, 7, 12, 3, 19};

// Prompts of which some begin alike.
std::vector<TokenIds> prompts() {
  std::vector<TokenIds> all;
  for (const index_t n : kLengths) all.push_back(random_prompt(n, n % 2 == 0 ? 1 : 2));
  return all;
}

}  // namespace

TEST_CASE("generator: tokens depend on their request alone") {
  const GptSession session = small_session(small_config());
  const GptSession draft = small_session(small_config(), 9);
  std::vector<TokenIds> want;
  for (std::size_t i = 0; i < kLengths.size(); ++i) {
    want.push_back(plain(session, prompts()[i], 15, sampled(i, 15).sampling));
  }
  for (const int threads : {1, 3}) {
    const Threads guard(threads);
    for (const index_t running : {1, 3, 6}) {
      for (const index_t chunk : {1, 5, 256}) {
        for (const bool share : {true, false}) {
          CAPTURE(threads, running, chunk, share);
          GptGenerator generator(session, {running, 1, 0, chunk, share}, &draft);
          std::vector<std::shared_ptr<GptRequest>> requests;
          for (std::size_t i = 0; i < want.size(); ++i) {
            if (i == 4) generator.step();  // some join while others are under way
            requests.push_back(generator.submit(prompts()[i], sampled(i, 15)));
          }
          generator.run();
          for (std::size_t i = 0; i < want.size(); ++i) {
            CAPTURE(i);
            REQUIRE(requests[i]->tokens() == want[i]);
            REQUIRE(requests[i]->status().finish == Finish::length);
          }
        }
      }
    }
  }
}

TEST_CASE("generator: guesses change no greedy token, and no sampled one by company") {
  const GptSession session = small_session(small_config(7), 1, Precision::f32, 3.0f);
  const GptSession other = small_session(small_config(7), 9, Precision::f32, 3.0f);
  const GptSession shorter = small_session(small_config(7, 20), 5, Precision::f32, 3.0f);
  for (const GptSession* draft : {&session, &other, &shorter}) {
    for (const Draft way : {Draft::model, Draft::lookup}) {
      std::vector<TokenIds> alone;
      for (const bool together : {false, true}) {
        GptGenerator generator(session, {together ? 8 : 1, 2, 0, together ? 4 : 256}, draft);
        std::vector<std::shared_ptr<GptRequest>> requests;
        for (std::uint64_t seed = 0; seed < 8; ++seed) {
          GenerationOptions o = sampled(seed, 40);
          o.draft = way, o.draft_tokens = 1 + static_cast<index_t>(seed);
          const TokenIds prompt = random_prompt(3 + static_cast<index_t>(seed), seed, 7);
          requests.push_back(generator.submit(prompt, o));
          if (!together) generator.run(*requests.back());
        }
        generator.run();
        index_t accepted = 0, drafted = 0;
        for (std::uint64_t seed = 0; seed < 8; ++seed) {
          CAPTURE(seed, way == Draft::model, together);
          const GptRequest& r = *requests[seed];
          REQUIRE(r.tokens().size() == 40);
          if (!together) alone.push_back(r.tokens());
          REQUIRE(r.tokens() == alone[seed]);
          if (seed % 3 == 0) {
            const TokenIds prompt = random_prompt(r.prompt_length(), seed, 7);
            REQUIRE(r.tokens() == plain(session, prompt, 40, sampled(seed, 40).sampling));
          }
          accepted += r.status().accepted, drafted += r.status().drafted;
          if (way == Draft::model && draft == &session && seed == 3) {
            REQUIRE(r.status().accepted == r.status().drafted);  // it agrees with itself
          }
        }
        CHECK(drafted > 50);
        CHECK(accepted > 0);
        CHECK((accepted < drafted || draft == &session));
      }
    }
  }
}

TEST_CASE("generator: common beginnings of prompts are computed once") {
  const GptSession session = small_session(small_config(23, 200));
  const TokenIds common = random_prompt(100, 1);
  const auto prompt = [&](index_t length, std::uint64_t seed) {
    TokenIds all(common.begin(), common.begin() + length);
    for (const std::int64_t t : random_prompt(10, seed)) all.push_back(t);
    return all;
  };
  const auto ask = [](std::uint64_t seed) { return sampled(seed, 3); };
  GptGenerator generator(session, {4, 1, 0, 32});
  const auto first = generator.submit(prompt(100, 2), ask(1));
  const auto second = generator.submit(prompt(80, 3), ask(2));  // waits until those are read
  const auto third = generator.submit(random_prompt(9, 4), ask(3));
  generator.run();
  CHECK(first->status().cached == 0);
  CHECK(second->status().cached >= 80);
  CHECK(second->tokens() == plain(session, prompt(80, 3), 3, ask(2).sampling));
  CHECK(third->status().cached == 0);
  // Finished texts serve as well; the last token of a prompt is always computed.
  const auto again = generator.submit(prompt(100, 2), ask(1));
  generator.run();
  CHECK(again->status().cached == 109);
  CHECK(again->tokens() == first->tokens());
  // A text that goes on does so in place.
  TokenIds longer = prompt(100, 2);
  for (const std::int64_t t : first->tokens()) longer.push_back(t);
  longer.push_back(5);
  const std::size_t bytes = generator.cache_bytes();
  const auto on = generator.submit(longer, ask(4));
  generator.run();
  CHECK(on->status().cached == 112);
  CHECK(on->tokens() == plain(session, longer, 3, ask(4).sampling));
  CHECK(generator.cache_bytes() == bytes);
  generator.close();
  CHECK(generator.cache_bytes() == 0);
}

TEST_CASE("generator: reasons to end") {
  const GptSession session = small_session(small_config(23, 16));
  GptGenerator generator(session, {2, 0, 0, 256});
  GenerationOptions open;
  open.sampling.temperature = 0;
  const TokenIds prompt = random_prompt(4, 1);
  const TokenIds all = plain(session, prompt, 13, open.sampling);

  const auto full = generator.submit(prompt, open);
  generator.run();
  CHECK(full->status().finish == Finish::capacity);
  CHECK(full->tokens() == all);
  CHECK(full->times().size() == 13);

  GenerationOptions none = open, exact = open;
  none.max_new_tokens = 0, exact.max_new_tokens = 13;
  CHECK(generator.submit(prompt, none)->status().finish == Finish::length);
  const auto last = generator.submit(random_prompt(16, 3), open);  // room for one more token
  const auto whole = generator.submit(prompt, exact);
  generator.run();
  CHECK(last->tokens().size() == 1);
  CHECK(last->status().finish == Finish::capacity);
  CHECK(whole->status().finish == Finish::length);

  GenerationOptions stop = open;
  stop.stop_tokens = {{all[3], all[4]}, {22, 22, 22}};
  const auto stopped = generator.submit(prompt, stop);
  generator.run();
  CHECK(stopped->status().finish == Finish::stop);
  CHECK(stopped->status().token_stop == 0);
  CHECK(stopped->tokens() == TokenIds(all.begin(), all.begin() + 3));

  const auto running = generator.submit(prompt, open), waits = generator.submit(prompt, open);
  const auto later = generator.submit(prompt, open);
  generator.step();
  generator.step();
  CHECK(generator.running() == 2);
  CHECK(generator.waiting() == 1);
  CHECK(generator.cancel(running->id()));
  CHECK(generator.cancel(later->id()));
  CHECK_FALSE(generator.cancel(later->id()));
  CHECK_FALSE(generator.cancel(12345));
  CHECK(running->status().finish == Finish::cancelled);
  CHECK(running->tokens() == TokenIds(all.begin(), all.begin() + 2));
  CHECK(later->status().finish == Finish::cancelled);
  generator.run();
  CHECK(waits->tokens() == all);
}

TEST_CASE("generator: a constraint decides, and its failure ends its request alone") {
  const GptSession session = small_session(small_config());
  GptGenerator generator(session, {4, 0, 0, 256});
  const TokenIds prompt = random_prompt(5, 1);
  GenerationOptions o = sampled(2, 6), wrong = o, nothing = o, inside = o;
  std::vector<index_t> counts;
  o.constraint = [&](const std::int64_t* tokens, index_t count, float* logits, index_t n) {
    counts.push_back(count);
    for (index_t t = 0; t < n; ++t) {
      if (t % 2 == tokens[count - 1] % 2) logits[t] = -HUGE_VALF;
    }
  };
  wrong.constraint = [](const std::int64_t*, index_t count, float*, index_t) {
    if (count == 7) throw std::runtime_error("enough");
  };
  nothing.constraint = [](const std::int64_t*, index_t, float* logits, index_t n) {
    std::fill_n(logits, n, -HUGE_VALF);
  };
  inside.constraint = [&](const std::int64_t*, index_t, float*, index_t) { generator.step(); };
  const auto odd_even = generator.submit(prompt, o), failing = generator.submit(prompt, wrong);
  const auto empty = generator.submit(prompt, nothing), nested = generator.submit(prompt, inside);
  generator.run();
  CHECK(counts == std::vector<index_t>{5, 6, 7, 8, 9, 10});
  std::int64_t before = prompt.back();
  for (const std::int64_t t : odd_even->tokens()) {
    CHECK(t % 2 != before % 2);
    before = t;
  }
  CHECK(failing->tokens().size() == 2);
  CHECK(failing->status().finish == Finish::error);
  CHECK_THROWS_WITH(std::rethrow_exception(failing->error()), "enough");
  CHECK_THROWS_WITH(std::rethrow_exception(empty->error()), Catch::Contains("no token is allowed"));
  CHECK_THROWS_AS(std::rethrow_exception(nested->error()), StateError);
  failing->forget_error();
  CHECK_FALSE(failing->error());
}

TEST_CASE("generator: what cannot be generated is refused when submitted") {
  const GptSession session = small_session(small_config());
  const GptSession foreign = small_session(small_config(22));
  CHECK_THROWS_WITH(GptGenerator(session, {}, &foreign), Catch::Contains("vocabulary"));
  CHECK_THROWS_WITH(GptGenerator(session, {0}), Catch::Contains("max_running"));
  CHECK_THROWS_WITH(GptGenerator(session, {1, 0, 65}), Catch::Contains("1 to 64"));
  CHECK_THROWS_WITH(GptGenerator(session, {1, 0, 0, 0}), Catch::Contains("prompt_tokens"));
  GptGenerator generator(session, {1, 0, 10});
  const auto refused = [&](const TokenIds& prompt, auto change, const char* why) {
    GenerationOptions o;
    change(o);
    CHECK_THROWS_WITH(generator.submit(prompt, o), Catch::Contains(why));
  };
  const auto same = [](GenerationOptions&) {};
  refused({}, same, "at least one token");
  refused({1, 23}, same, "[0, 23), got 23");
  refused({-1}, same, "got -1");
  refused(TokenIds(11, 1), same, "11 tokens does not fit into sequences of 10");
  const TokenIds good = {1};
  refused(
      good, [](auto& o) { o.max_new_tokens = -2; }, "max_new_tokens");
  refused(
      good, [](auto& o) { o.sampling.top_p = 2; }, "top_p");
  refused(
      good,
      [](auto& o) {
        o.sampling.logit_bias = {{23, 1.0f}};
      },
      "logit_bias");
  refused(
      good, [](auto& o) { o.stop_tokens = {{23}}; }, "stop sequence");
  refused(
      good, [](auto& o) { o.stop_tokens = {{}}; }, "must not be empty");
  refused(
      good, [](auto& o) { o.stop_text = {"a"}; }, "tokenizer");
  refused(
      good, [](auto& o) { o.draft = Draft::model; }, "draft model");
  refused(
      good, [](auto& o) { o.draft = Draft::lookup, o.ngram = 0; }, "ngram");
  refused(
      good, [](auto& o) { o.draft = Draft::lookup, o.draft_tokens = 65; }, "draft_tokens");
  CHECK(generator.waiting() == 0);
  const auto elsewhere = GptGenerator(session, {}).submit(good, {});
  CHECK(elsewhere->status().finish == Finish::cancelled);
}
