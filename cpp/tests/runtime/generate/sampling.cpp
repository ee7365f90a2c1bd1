// Options, penalties, and the random numbers of requests.
#include "tinytorch/runtime/generate/sampling.hpp"

#include <cmath>
#include <limits>
#include <set>

#include "support/catch.hpp"
#include "tinytorch/base/error.hpp"

using namespace tt;
using namespace tt::runtime;

TEST_CASE("sampling: options out of range are named") {
  const auto message = [](auto change) -> std::string {
    SamplingOptions o;
    change(o);
    try {
      check(o);
      check_tokens(o, 10);
    } catch (const ValueError& e) {
      return e.what();
    }
    return "";
  };
  const double nan = std::nan("");
  for (const double bad : {-0.1, nan, HUGE_VAL}) {
    CHECK_THAT(message([&](auto& o) { o.temperature = bad; }), Catch::StartsWith("temperature"));
    CHECK_THAT(message([&](auto& o) { o.top_p = bad; }), Catch::StartsWith("top_p"));
    CHECK_THAT(message([&](auto& o) { o.min_p = bad; }), Catch::StartsWith("min_p"));
    CHECK_THAT(message([&](auto& o) { o.repetition_penalty = bad; }),
               Catch::StartsWith("repetition_penalty"));
  }
  CHECK_THAT(message([](auto& o) { o.top_k = -1; }), Catch::StartsWith("top_k"));
  CHECK_THAT(message([](auto& o) { o.repetition_penalty = 0; }),
             Catch::StartsWith("repetition_penalty"));
  CHECK_THAT(message([](auto& o) {
               o.logit_bias = {{10, 1.0f}};
             }),
             Catch::Contains("logit_bias must be in [0, 10), got 10"));
  CHECK_THAT(message([](auto& o) { o.logit_bias = {{3, NAN}}; }), Catch::Contains("token 3"));
  CHECK_THAT(message([](auto& o) { o.logit_bias = {{3, HUGE_VALF}}; }), Catch::Contains("token 3"));
  CHECK(message([](auto& o) {
          o.temperature = 0, o.top_p = 0, o.min_p = 1, o.logit_bias = {{9, -HUGE_VALF}};
        }) == "");
}

TEST_CASE("sampling: the penalty moves logits of seen tokens away from the others, once each") {
  SeenTokens seen(6, 2);
  for (const std::int64_t t : {4, 1, 4, 4}) seen.add(t);
  std::vector<float> logits = {2, 2, 2, -2, -2, -2};
  seen.penalize(logits.data(), 2.0);
  CHECK(logits == std::vector<float>{2, 1, 2, -2, -4, -2});
  seen.add(5);
  seen.forget_from(1);
  CHECK(seen.count() == 1);
  seen.penalize(logits.data(), 2.0);
  CHECK(logits == std::vector<float>{2, 1, 2, -2, -8, -2});
}

TEST_CASE("sampling: random numbers differ by seed, purpose and place, and fill [0, 1)") {
  std::set<double> all;
  double sum = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (const Draw purpose : {Draw::token, Draw::acceptance, Draw::residual, Draw::draft}) {
      for (index_t place = 0; place < 50; ++place) {
        const double u = uniform(seed, purpose, place);
        CHECK(u == uniform(seed, purpose, place));
        REQUIRE(u >= 0.0);
        REQUIRE(u < 1.0);
        all.insert(u);
        sum += u;
      }
    }
  }
  CHECK(all.size() == 4000);
  CHECK(sum / 4000 == Approx(0.5).margin(0.02));
}
