#include "tinytorch/capstone/statistics.hpp"

#include <cmath>
#include <limits>
#include <random>

#include "support/catch.hpp"
#include "tinytorch/base/error.hpp"

using namespace tt;
using namespace tt::capstone;

TEST_CASE("summary of known numbers") {
  const std::vector<double> x = {4, 1, 3, 2};
  const Summary s = summarize(x);
  CHECK(s.mean == Approx(2.5));
  CHECK(s.std == Approx(std::sqrt(1.25)));
  CHECK(s.p50 == Approx(2.5));
  CHECK(s.p90 == Approx(3.7));
  CHECK(s.p99 == Approx(3.97));
  CHECK(s.min == 1);
  CHECK(s.max == 4);
  CHECK(s.count == 4);
  CHECK(s.outliers_dropped == 0);
  // t(3) = 3.1824, s = sqrt(5/3)
  CHECK(s.ci_high - s.mean == Approx(3.1824 * std::sqrt(5.0 / 3.0) / 2));
  CHECK(s.mean - s.ci_low == Approx(s.ci_high - s.mean));
}

TEST_CASE("one sample has no spread") {
  const Summary s = summarize(std::vector<double>{7});
  CHECK(s.mean == 7);
  CHECK(s.std == 0);
  CHECK(s.ci_low == 7);
  CHECK(s.ci_high == 7);
  CHECK(s.p99 == 7);
}

TEST_CASE("outliers leave the mean but stay in the percentiles") {
  std::vector<double> x;
  for (int i = 0; i < 99; ++i) x.push_back(1.0 + 0.001 * (i % 10));
  x.push_back(500);
  const Summary s = summarize(x);
  CHECK(s.outliers_dropped == 1);
  CHECK(s.mean < 1.01);
  CHECK(s.max == 500);
  CHECK(s.count == 100);
  CHECK(s.p99 > 1.01);
}

TEST_CASE("the outlier rule is median +- 5 * 1.4826 * MAD") {
  // median 0, MAD 1: the limit is 7.413
  const std::vector<double> x = {-1, -1, 0, 1, 1, 7.4, -7.5};
  CHECK(without_outliers(x) == std::vector<double>{-1, -1, 0, 1, 1, 7.4});
}

TEST_CASE("no outliers where more than half of the samples agree") {
  const std::vector<double> x = {2, 2, 2, 2, 9};
  CHECK(summarize(x).outliers_dropped == 0);
  CHECK(summarize(x).mean == Approx(3.4));
}

TEST_CASE("statistics refuse what they cannot summarize") {
  CHECK_THROWS_AS(summarize(std::vector<double>{}), ValueError);
  CHECK_THROWS_AS(summarize(std::vector<double>{1, std::nan("")}), ValueError);
  CHECK_THROWS_AS(summarize(std::vector<double>{std::numeric_limits<double>::infinity()}),
                  ValueError);
  CHECK_THROWS_AS(student_t_975(0), ValueError);
}

TEST_CASE("Student's t against tabled values") {
  CHECK(student_t_975(1) == Approx(12.7062).margin(1e-3));
  CHECK(student_t_975(11) == Approx(2.2010).margin(1e-3));
  CHECK(student_t_975(15) == Approx(2.1314).margin(1e-3));
  CHECK(student_t_975(30) == Approx(2.0423).margin(1e-3));
  CHECK(student_t_975(99) == Approx(1.9842).margin(1e-3));
  CHECK(student_t_975(1'000'000) == Approx(1.95996).margin(1e-3));
}

TEST_CASE("the interval covers the true mean about 95 times in 100") {
  std::mt19937 random(7);
  std::normal_distribution<double> normal(10, 2);
  int covered = 0;
  constexpr int kTrials = 2000;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> x(20);
    for (double& value : x) value = normal(random);
    const Summary s = summarize(x);
    covered += s.ci_low <= 10 && 10 <= s.ci_high;
  }
  CHECK(covered > 0.93 * kTrials);
  CHECK(covered < 0.97 * kTrials);
}
