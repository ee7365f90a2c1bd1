#include "tinytorch/quant/affine.hpp"

#include <cmath>
#include <limits>

#include "quant/support.hpp"
#include "support/catch.hpp"

using namespace tt;
using namespace tt::quant;

TEST_CASE("affine scale and zero point follow the formula") {
  const Affine a = choose_affine(-1.0f, 1.55f);
  CHECK(a.scale == Approx(2.55 / 255));
  CHECK(a.zero_point == -28);
  CHECK(choose_affine(0.0f, 255.0f).zero_point == -128);
  CHECK(choose_affine(-255.0f, 0.0f).zero_point == 127);
}

TEST_CASE("the range is widened to include zero") {
  const Affine a = choose_affine(10.0f, 11.0f);
  CHECK(a.scale == Approx(11.0 / 255));
  CHECK(a.zero_point == -128);
  const Array x = Array::from<float>({10.0f, 10.5f, 11.0f}, {3});
  const Array back = dequantize_affine(quantize_affine(x, a), a);
  for (int i = 0; i < 3; ++i) {
    CHECK(std::fabs(back.data<float>()[i] - x.data<float>()[i]) <= 0.5f * a.scale * 1.001f);
  }
}

TEST_CASE("a constant range has scale 1 and zero point 0") {
  CHECK(choose_affine(5.0f, 5.0f).scale == 1.0f);
  CHECK(choose_affine(5.0f, 5.0f).zero_point == 0);
}

TEST_CASE("round trips err by at most half a step, and zero is exact") {
  const Array x = testing::random_array({7, 33}, 5);
  const Range range = range_of(x);
  const Affine a = choose_affine(range.low, range.high);
  const Array back = dequantize_affine(quantize_affine(x, a), a);
  for (index_t i = 0; i < x.size(); ++i) {
    // Half a step from rounding, and up to another half because the zero point is rounded too.
    REQUIRE(std::fabs(back.data<float>()[i] - x.data<float>()[i]) <= a.scale * 1.001f);
  }
  CHECK(dequantize_affine(quantize_affine(Array::zeros({1}), a), a).item() == 0.0);
}

TEST_CASE("values beyond the range saturate; what is not finite is refused") {
  const Affine a = choose_affine(-1.0f, 1.0f);
  const Array q =
      quantize_affine(Array::from<float>({-9.0f, 9.0f, INFINITY, -INFINITY, NAN}, {5}), a);
  CHECK(q.data<std::int8_t>()[0] == -128);
  CHECK(q.data<std::int8_t>()[1] == 127);
  CHECK(q.data<std::int8_t>()[2] == 127);
  CHECK(q.data<std::int8_t>()[3] == -128);
  CHECK_THROWS_AS(choose_affine(0.0f, INFINITY), ValueError);
  CHECK_THROWS_AS(choose_affine(1.0f, 0.0f), ValueError);
  CHECK_THROWS_AS(range_of(Array::from<float>({NAN}, {1})), ValueError);
  CHECK_THROWS_AS(range_of(Array::empty({0})), ValueError);
  CHECK_THROWS_AS(dequantize_affine(Array::zeros({2}), a), DTypeError);
}
