// Distributions against sorting all tokens and doing one filter after the other, in double.
#include "tinytorch/runtime/generate/distribution.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "support/catch.hpp"
#include "tinytorch/base/error.hpp"
#include "tinytorch/base/rng.hpp"

using namespace tt;
using namespace tt::runtime;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

std::vector<float> normal(index_t n, std::uint64_t seed, float scale = 1.0f) {
  std::vector<float> x(static_cast<std::size_t>(n));
  Generator(seed).normal(x.data(), n, 0.0f, scale);
  return x;
}

std::vector<double> expected(const std::vector<float>& logits, const SamplingOptions& o) {
  const auto n = static_cast<index_t>(logits.size());
  std::vector<index_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](index_t a, index_t b) { return logits[a] > logits[b]; });
  std::vector<double> p(logits.size(), 0.0);
  for (index_t i = 0; i < n; ++i) {
    if (o.top_k > 0 && i >= o.top_k) continue;
    const double x = static_cast<double>(logits[order[i]]) - logits[order[0]];
    p[order[i]] = o.temperature > 0 ? std::exp(x / o.temperature) : i == 0;
  }
  const auto scale = [&] {
    const double sum = std::accumulate(p.begin(), p.end(), 0.0);
    for (double& v : p) v /= sum;
  };
  scale();
  double before = 0;
  for (index_t i = 0; i < n; ++i) {
    const double here = p[order[i]];
    if (i > 0 && o.top_p < 1 && before >= o.top_p) p[order[i]] = 0;
    before += here;
  }
  for (double& v : p) {
    if (v < o.min_p * p[order[0]]) v = 0;
  }
  scale();
  return p;
}

void require_expected(const std::vector<float>& logits, const SamplingOptions& o) {
  CAPTURE(logits.size(), o.temperature, o.top_k, o.top_p, o.min_p);
  const std::vector<double> want = expected(logits, o);
  Distribution d;
  d.set(logits.data(), static_cast<index_t>(logits.size()), o);
  double worst = 0;
  for (std::size_t t = 0; t < want.size(); ++t) {
    const double got = d.probability(static_cast<index_t>(t));
    if ((got > 1e-30) != (want[t] > 1e-30)) {
      CAPTURE(t, got, want[t]);
      REQUIRE((got > 0) == (want[t] > 0));
    }
    worst = std::max(worst, std::fabs(got - want[t]));
  }
  REQUIRE(worst < 1e-6);
}

SamplingOptions with(double temperature, index_t top_k, double top_p, double min_p) {
  SamplingOptions o;
  o.temperature = temperature, o.top_k = top_k, o.top_p = top_p, o.min_p = min_p;
  return o;
}

}  // namespace

TEST_CASE("distributions: every filter, alone and with the others") {
  for (const index_t n : {1, 2, 7, 300, 5000}) {
    for (const float scale : {0.3f, 3.0f}) {
      const std::vector<float> logits = normal(n, 100 + static_cast<std::uint64_t>(n), scale);
      for (const double temperature : {0.0, 0.5, 1.0, 1.7}) {
        for (const index_t k : {index_t{0}, index_t{1}, index_t{5}, n - 1, n, n + 3}) {
          for (const double p : {1.0, 0.93, 0.4, 0.0}) {
            for (const double m : {0.0, 0.05, 1.0}) {
              require_expected(logits, with(temperature, std::max<index_t>(k, 0), p, m));
            }
          }
        }
      }
    }
  }
}

TEST_CASE("distributions: a real vocabulary") {
  for (const float scale : {0.01f, 4.0f}) {
    const std::vector<float> logits = normal(50257, 7, scale);
    for (const index_t k : {0, 40, 700}) {
      require_expected(logits, with(0.8, k, 1.0, 0.0));
      require_expected(logits, with(0.8, k, 0.95, 0.0));
      require_expected(logits, with(0.8, k, 0.9, 0.02));
    }
  }
}

TEST_CASE("distributions: of equals the smaller tokens are kept") {
  const std::vector<float> equal(40, 1.5f);
  const auto kept = [&](const SamplingOptions& o) {
    Distribution d;
    d.set(equal.data(), 40, o);
    std::vector<index_t> tokens;
    for (index_t t = 0; t < 40; ++t) {
      if (d.probability(t) > 0) tokens.push_back(t);
    }
    return tokens;
  };
  CHECK(kept(with(0, 0, 1, 0)) == std::vector<index_t>{0});
  CHECK(kept(with(1, 3, 1, 0)) == std::vector<index_t>{0, 1, 2});
  CHECK(kept(with(1, 0, 0.05, 0)) == std::vector<index_t>{0, 1});
  CHECK(kept(with(1, 4, 0.5, 0)) == std::vector<index_t>{0, 1});
  CHECK(kept(with(1, 0, 1, 1)).size() == 40);
}

TEST_CASE("distributions: temperatures at the borders of numbers") {
  const std::vector<float> logits = {1.0f, 3.0f, 2.0f, -kInf, 3.0f};
  Distribution d;
  d.set(logits.data(), 5, with(1e-300, 0, 1, 0));
  CHECK(d.probability(1) == Approx(0.5));
  CHECK(d.probability(2) == 0.0);
  d.set(logits.data(), 5, with(1e300, 0, 1, 0));
  CHECK(d.probability(0) == Approx(0.25));
  CHECK(d.probability(3) == 0.0);
  d.set(logits.data(), 5, with(1e300, 4, 1, 0));
  CHECK(d.probability(0) == Approx(0.25));
  const std::vector<float> far = {-3e38f, 3e38f};
  for (const double t : {1.0, 0.1, 10.0}) {
    d.set(far.data(), 2, with(t, 0, 1, 0));
    CHECK(d.probability(1) == 1.0);
  }
}

TEST_CASE("distributions: logits that no token can be drawn from") {
  Distribution d;
  for (const double temperature : {0.0, 1.0}) {
    const SamplingOptions o = with(temperature, 0, 1, 0);
    const std::vector<float> none(3, -kInf), nan = {1, NAN, 2}, many = {1, kInf, 2};
    CHECK_THROWS_WITH(d.set(none.data(), 3, o), Catch::Contains("no token is allowed"));
    CHECK_THROWS_WITH(d.set(nan.data(), 3, o), Catch::Contains("NaN"));
    CHECK_THROWS_WITH(d.set(many.data(), 3, o), Catch::Contains("+inf"));
  }
}

TEST_CASE("distributions: a draw is where the sum of probabilities exceeds the number") {
  const std::vector<float> logits = normal(3000, 3, 2.0f);
  for (const index_t k : {0, 50}) {
    Distribution d;
    d.set(logits.data(), 3000, with(1, k, 1, 0));
    double sum = 0;
    for (index_t t = 0; t < 3000; ++t) {
      const double p = d.probability(t);
      if (p > 1e-5) REQUIRE(d.draw(sum + p / 2) == t);
      sum += p;
    }
    CHECK(d.probability(d.draw(0.0)) > 0);
    CHECK(d.probability(d.draw(1.0 - 0x1p-53)) > 0);
  }
}

TEST_CASE("distributions: what a refused guess leaves") {
  const std::vector<float> a = normal(200, 1), b = normal(200, 2);
  for (const index_t ka : {0, 20}) {
    for (const index_t kb : {0, 30}) {
      Distribution p, q, rest;
      p.set(a.data(), 200, with(1, ka, 1, 0));
      q.set(b.data(), 200, with(1, kb, 1, 0));
      rest = p;
      rest.subtract(q);
      double left = 0, sum = 0;
      for (index_t t = 0; t < 200; ++t) {
        left += std::max(0.0, p.probability(t) - q.probability(t));
      }
      for (index_t t = 0; t < 200; ++t) {
        const double want = std::max(0.0, p.probability(t) - q.probability(t)) / left;
        REQUIRE(rest.probability(t) == Approx(want).margin(1e-7));
        sum += rest.probability(t);
      }
      CHECK(sum == Approx(1.0));
      rest = p;
      rest.subtract(p);  // nothing is left but rounding
      CHECK(rest.probability(5) == p.probability(5));
      rest.subtract(std::int64_t{5});
      CHECK(rest.probability(5) == 0.0);
      CHECK(rest.probability(rest.draw(0.3)) > 0.0);
    }
  }
  Distribution sure;
  sure.set(a.data(), 200, with(0, 0, 1, 0));
  const std::int64_t only = sure.draw(0.7);
  sure.subtract(only);
  CHECK(sure.draw(0.7) == only);
}

TEST_CASE("cuts are those of a full sort") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const auto n = static_cast<index_t>(1 + seed * 37 % 1500);
    std::vector<float> x = normal(n, seed);
    if (seed % 3 == 0) {
      for (float& v : x) v = std::round(v * 2);  // many equal ones
    }
    std::vector<float> sorted = x, scratch;
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    for (const index_t k : {index_t{1}, (n + 1) / 2, n}) {
      const auto [value, equal] = cut_top_k(x.data(), n, k, scratch);
      REQUIRE(value == sorted[k - 1]);
      REQUIRE(equal == std::count(sorted.begin(), sorted.begin() + k, value));
    }
    std::vector<double> weights;
    for (const float v : sorted) weights.push_back(std::exp(static_cast<double>(v)));
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (const double share : {0.0, 0.3, 0.9, 2.0}) {
      index_t kept = 0;
      for (double sum = 0; kept < n && (kept == 0 || sum < share * total * (1 - 1e-12));) {
        sum += weights[kept++];
      }
      MassScratch room;
      std::vector<double> shuffled;
      for (const float v : x) shuffled.push_back(std::exp(static_cast<double>(v)));
      const auto [value, equal] = cut_mass(shuffled, share * total * (1 - 1e-12), room);
      REQUIRE(value == weights[kept - 1]);
      REQUIRE(equal == std::count(weights.begin(), weights.begin() + kept, value));
    }
  }
}
