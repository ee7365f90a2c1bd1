// The random streams: the generator's published answers, and that streams do not depend on how
// they are cut or shared out.
#include "tinytorch/base/rng.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "support/catch.hpp"
#include "tinytorch/base/error.hpp"
#include "tinytorch/base/thread_pool.hpp"

using namespace tt;
using Block = std::array<std::uint32_t, 4>;

TEST_CASE("philox4x32-10 gives the known answers of its authors") {
  CHECK(philox(0, 0, 0) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  const std::uint64_t ones = ~std::uint64_t{0};
  CHECK(philox(ones, ones, ones) == Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox(0x299f31d0a4093822u, 0x85a308d3243f6a88u, 0x0370734413198a2eu) ==
        Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a stream does not depend on how it is drawn") {
  const std::int64_t n = 100000;
  std::vector<float> whole(static_cast<std::size_t>(n)), parts(whole.size());
  const bool normal = GENERATE(false, true);
  const auto fill = [&](Generator& g, float* out, std::int64_t count) {
    if (normal)
      g.normal(out, count);
    else
      g.uniform(out, count);
  };
  const int before = num_threads();
  set_num_threads(1);
  Generator one(9);
  fill(one, whole.data(), n);

  // In pieces that are whole blocks of four, on several threads.
  set_num_threads(4);
  Generator two(9);
  for (std::int64_t at = 0; at < n; at += 12340) {
    fill(two, parts.data() + at, std::min<std::int64_t>(12340, n - at));
  }
  CHECK(parts == whole);
  CHECK(one.position() == two.position());

  // From the middle.
  Generator three(9);
  three.set_position(777);
  fill(three, parts.data(), 40);
  CHECK(std::equal(parts.begin(), parts.begin() + 40, whole.begin() + 4 * 777));
  set_num_threads(before);
}

TEST_CASE("a draw takes whole blocks, so that a short one never shares bits with the next") {
  float a[5], b[5];
  Generator g(1);
  g.uniform(a, 5);
  CHECK(g.position() == 2);
  g.uniform(b, 0);
  CHECK(g.position() == 2);
  g.uniform(b, 1);
  CHECK(g.position() == 3);
  CHECK(b[0] == to_unit_float(philox(1, 2)[0]));
}

TEST_CASE("copies of a generator draw the same numbers, seeds different ones") {
  Generator g(5);
  Generator copy = g, other(6);
  float a[8], b[8], c[8];
  g.uniform(a, 8);
  copy.uniform(b, 8);
  other.uniform(c, 8);
  CHECK(std::equal(a, a + 8, b));
  CHECK_FALSE(std::equal(a, a + 8, c));
  g.manual_seed(5);
  g.uniform(b, 8);
  CHECK(std::equal(a, a + 8, b));
}

TEST_CASE("numbers have the moments of their distributions") {
  const std::int64_t n = 1 << 20;
  std::vector<float> x(static_cast<std::size_t>(n));
  Generator g(123);
  const auto moments = [&] {
    double mean = 0, square = 0;
    for (float v : x)
      mean += static_cast<double>(v), square += static_cast<double>(v) * static_cast<double>(v);
    mean /= static_cast<double>(n);
    return std::pair{mean, std::sqrt(square / static_cast<double>(n) - mean * mean)};
  };
  g.uniform(x.data(), n, -1.0f, 3.0f);
  CHECK(*std::min_element(x.begin(), x.end()) >= -1.0f);
  CHECK(*std::max_element(x.begin(), x.end()) < 3.0f);
  // Five standard errors of the mean: 5 * 4 / sqrt(12 n).
  CHECK(moments().first == Approx(1.0).margin(0.006));
  g.normal(x.data(), n, 2.0f, 0.5f);
  CHECK(moments().first == Approx(2.0).margin(0.003));
  CHECK(moments().second == Approx(0.5).margin(0.002));
  CHECK(std::all_of(x.begin(), x.end(), [](float v) { return std::isfinite(v); }));
}

TEST_CASE("bounded integers cover their range evenly") {
  Generator g(4);
  CHECK_THROWS_AS(g.below(0), ValueError);
  CHECK(g.below(1) == 0);
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts[g.below(7)];
  // Chi-squared with 6 degrees of freedom: 30 is beyond one in 20,000.
  double chi = 0;
  for (int c : counts) chi += (c - 10000.0) * (c - 10000.0) / 10000.0;
  CHECK(chi < 30);
  CHECK(g.below(~std::uint64_t{0}) < ~std::uint64_t{0});
}

TEST_CASE("permutations are permutations, and all of them occur") {
  Generator g(8);
  std::vector<std::int64_t> p(1000);
  g.permutation(p.data(), 1000);
  CHECK_FALSE(std::is_sorted(p.begin(), p.end()));
  std::sort(p.begin(), p.end());
  for (std::int64_t i = 0; i < 1000; ++i) REQUIRE(p[static_cast<std::size_t>(i)] == i);
  std::vector<int> seen(27);
  for (int i = 0; i < 600; ++i) {
    g.permutation(p.data(), 3);
    ++seen[static_cast<std::size_t>(9 * p[0] + 3 * p[1] + p[2])];
  }
  CHECK(std::count_if(seen.begin(), seen.end(), [](int c) { return c > 60; }) == 6);
}
