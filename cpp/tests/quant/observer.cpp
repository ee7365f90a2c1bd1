#include "tinytorch/quant/observer.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "quant/support.hpp"
#include "support/catch.hpp"

using namespace tt;
using namespace tt::quant;
using testing::random_array;

namespace {

double squared_error(const Array& x, float t) {
  const float scale = t / 127.0f;
  double error = 0.0;
  for (index_t i = 0; i < x.size(); ++i) {
    const float v = x.data<float>()[i];
    const float q = std::clamp(std::nearbyint(v / scale), -127.0f, 127.0f) * scale;
    error += (v - q) * (v - q);
  }
  return error;
}

}  // namespace

TEST_CASE("the min-max observer covers everything it saw") {
  Observer o;
  CHECK_THROWS_AS(o.threshold(), StateError);
  o.observe(Array::from<float>({1.0f, -3.0f}, {2}));
  o.observe(Array::empty({0}));
  o.observe(Array::from<float>({2.0f}, {1}));
  CHECK(o.threshold() == 3.0f);
  CHECK(o.scale() == 3.0f / 127.0f);
  CHECK(o.low() == -3.0f);
  CHECK(o.high() == 2.0f);
  CHECK_THROWS_AS(o.observe(Array::full({1}, NAN)), ValueError);
}

TEST_CASE("the percentile observer ignores the rarest values") {
  const Array x = random_array({10000}, 3);
  std::vector<float> sorted(x.data<float>(), x.data<float>() + x.size());
  for (auto& v : sorted) v = std::fabs(v);
  std::sort(sorted.begin(), sorted.end());
  Observer o(Calibration::percentile, 99.0);
  o.observe(x);
  CHECK(o.threshold() == Approx(sorted[9899]).margin(0.005));
  Observer all(Calibration::percentile, 100.0);
  all.observe(x);
  CHECK(all.threshold() == sorted.back());
  CHECK_THROWS_AS(Observer(Calibration::percentile, 0.0), ValueError);
  CHECK_THROWS_AS(Observer(Calibration::percentile, NAN), ValueError);
}

TEST_CASE("the mean-squared-error observer beats min-max where there are outliers") {
  const Array x = random_array({100000}, 4);
  x.data<float>()[0] = 40.0f;
  Observer mse(Calibration::mse), minmax;
  mse.observe(x);
  minmax.observe(x);
  CHECK(mse.threshold() < 40.0f);
  CHECK(squared_error(x, mse.threshold()) < 0.7 * squared_error(x, minmax.threshold()));
  // Near the true optimum: no threshold on a fine grid is much better.
  double best = squared_error(x, 40.0f);
  for (float t = 2.0f; t < 40.0f; t += 0.05f) best = std::min(best, squared_error(x, t));
  CHECK(squared_error(x, mse.threshold()) <= 1.02 * best);
}

TEST_CASE("observers do not depend on how values are cut into batches") {
  const Array x = random_array({1000}, 5);
  for (const auto method : {Calibration::percentile, Calibration::mse}) {
    Observer once(method, 99.0), pieces(method, 99.0);
    once.observe(x);
    for (index_t i = 0; i < 1000; i += 8) pieces.observe(x.slice(0, i, 8));
    CHECK(once.threshold() == pieces.threshold());
  }
}

TEST_CASE("values of zero calibrate to a usable scale") {
  for (const auto method : {Calibration::minmax, Calibration::percentile, Calibration::mse}) {
    Observer o(method);
    o.observe(Array::zeros({4}));
    CHECK(o.threshold() == 0.0f);
    CHECK(o.scale() == 1.0f);
  }
  CHECK(calibration_from_name("mse") == Calibration::mse);
  CHECK_THROWS_AS(calibration_from_name("best"), ValueError);
}
