#include "tinytorch/nn/pairs.hpp"

#include <numeric>

#include "support/catch.hpp"
#include "tinytorch/base/error.hpp"
#include "tinytorch/base/thread_pool.hpp"

using namespace tt;

TEST_CASE("pairs: both values become their mean, those without a partner stay") {
  std::vector<float> values{1, 2, 3, 4, 5};
  nn::Pairs({3, 1, 4, 0, 2}).average(values.data());
  REQUIRE(values == std::vector<float>{2.5, 2, 4, 2.5, 4});
}

TEST_CASE("pairs: large arrays on several threads") {
  const std::int64_t size = 100'001;
  std::vector<std::int64_t> partners(static_cast<std::size_t>(size));
  std::iota(partners.rbegin(), partners.rend(), 0);
  const int before = num_threads();
  for (const int threads : {1, 3}) {
    set_num_threads(threads);
    std::vector<float> values(partners.size());
    std::iota(values.begin(), values.end(), 0.0f);
    nn::Pairs(partners).average(values.data());
    REQUIRE(values == std::vector<float>(partners.size(), static_cast<float>(size - 1) / 2));
  }
  set_num_threads(before);
}

TEST_CASE("pairs: a partner must have its partner back") {
  for (const std::vector<std::int64_t>& partners :
       std::vector<std::vector<std::int64_t>>{{1, 2, 0}, {1, 1}, {-1}, {1}}) {
    REQUIRE_THROWS_AS(nn::Pairs(partners), ValueError);
  }
  REQUIRE(nn::Pairs({}).size() == 0);
}
