#include "tinytorch/sparse/quantile.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "quant/support.hpp"
#include "support/catch.hpp"

using namespace tt;
using sparse::magnitude_quantile;
using testing::random_array;

namespace {

double by_sorting(const Array& w, double q) {
  std::vector<double> sorted;
  for (index_t i = 0; i < w.size(); ++i) sorted.push_back(std::fabs(w.data<float>()[i]));
  std::sort(sorted.begin(), sorted.end());
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(position);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (position - std::floor(position)) * (sorted[high] - sorted[low]);
}

}  // namespace

TEST_CASE("the quantile of magnitudes is that of the sorted magnitudes") {
  for (const index_t n : {1, 2, 3, 10, 101, 4096, 50'000}) {
    const Array w = random_array({n}, static_cast<std::uint64_t>(n));
    for (const double q : {0.0, 0.001, 0.25, 0.5, 0.77, 0.999, 1.0}) {
      INFO("n = " << n << ", q = " << q);
      CHECK(magnitude_quantile(w, q) == by_sorting(w, q));
    }
  }
}

TEST_CASE("quantiles of equal, tiny, infinite and undefined values") {
  CHECK(magnitude_quantile(Array::full({100}, -0.25), 0.3) == 0.25);
  CHECK(magnitude_quantile(Array::zeros({5}), 0.5) == 0.0);
  const Array spread = Array::from<float>({1e-40f, -1e30f, INFINITY, 0.0f, -0.0f}, {5});
  CHECK(magnitude_quantile(spread, 0.0) == 0.0);
  CHECK(magnitude_quantile(spread, 0.5) == static_cast<double>(1e-40f));
  CHECK(magnitude_quantile(spread, 1.0) == INFINITY);
  CHECK(std::isnan(magnitude_quantile(Array::from<float>({1.0f, NAN}, {2}), 0.0)));
  CHECK_THROWS_AS(magnitude_quantile(Array::zeros({0}), 0.5), ValueError);
  CHECK_THROWS_AS(magnitude_quantile(spread, 1.5), ValueError);
  CHECK_THROWS_AS(magnitude_quantile(spread, NAN), ValueError);
}
