// Angles of positions near and far, against the formula in double.
#include "tinytorch/runtime/gpt/rotary.hpp"

#include <cmath>
#include <vector>

#include "support/catch.hpp"
#include "tinytorch/models/rotary_frequencies.hpp"

using namespace tt;
using runtime::Rotary;

namespace {

std::vector<double> frequencies(index_t size, double theta) {
  models::GptConfig config;
  config.head_size = size, config.rope_theta = theta;
  return models::rotary_frequencies(config);
}

}  // namespace

TEST_CASE("positions are turned by their angles, however far") {
  for (const double theta : {10000.0, 500000.0, 2.0}) {
    for (const index_t size : {2, 8, 34}) {
      const index_t half = size / 2, most = index_t{1} << 24;
      const Rotary rotary(frequencies(size, theta), most);
      std::vector<float> factors(static_cast<std::size_t>(size));
      for (const index_t p : {index_t{0}, index_t{1}, index_t{255}, index_t{256}, index_t{65535},
                              index_t{65536}, index_t{1'234'567}, most - 1}) {
        rotary.factors(p, factors.data());
        for (index_t i = 0; i < half; ++i) {
          const double angle =
              static_cast<double>(p) *
              std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(size));
          CAPTURE(theta, size, p, i);
          CHECK(static_cast<double>(factors[static_cast<std::size_t>(i)]) ==
                Approx(std::cos(angle)).margin(1e-7));
          CHECK(static_cast<double>(factors[static_cast<std::size_t>(half + i)]) ==
                Approx(std::sin(angle)).margin(1e-7));
        }
      }
    }
  }
}

TEST_CASE("pairs are half a head apart, and every head is turned") {
  const Rotary rotary(frequencies(6, 100.0), 50);
  std::vector<float> factors(6), x(12), before;
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) - 4.5f;
  before = x;
  rotary.factors(37, factors.data());
  rotary.turn(factors.data(), 2, x.data());
  for (std::size_t h = 0; h < 12; h += 6) {
    for (std::size_t i = 0; i < 3; ++i) {
      const double angle = 37.0 * std::pow(100.0, -static_cast<double>(i) / 3.0);
      const double a = static_cast<double>(before[h + i]),
                   b = static_cast<double>(before[h + 3 + i]);
      CHECK(static_cast<double>(x[h + i]) ==
            Approx(a * std::cos(angle) - b * std::sin(angle)).margin(1e-5));
      CHECK(static_cast<double>(x[h + 3 + i]) ==
            Approx(b * std::cos(angle) + a * std::sin(angle)).margin(1e-5));
    }
  }
}
