// Every step of every ladder gives what its first step gives, on every instruction set.
#include <cmath>

#include "cases.hpp"
#include "support/catch.hpp"

using namespace tt;
using namespace tt::ladder;

namespace {

double value(const Array& a, index_t i) {
  return a.dtype() == DType::i32 ? a.data<std::int32_t>()[i]
                                 : static_cast<double>(a.data<float>()[i]);
}

// The first step's result; where a step gives the mean of each plane, that.
std::vector<double> expected(const Array& first, index_t size) {
  const index_t area = first.size() / size;
  std::vector<double> out(static_cast<std::size_t>(size));
  for (index_t i = 0; i < first.size(); ++i) {
    out[static_cast<std::size_t>(i / area)] += value(first, i) / static_cast<double>(area);
  }
  return out;
}

void check(const Ladder& ladder) {
  CHECK(ladder.operations > 0);
  REQUIRE(ladder.steps.size() > 4);
  for (const Step& step : ladder.steps) {
    CAPTURE(ladder.name, step.name);
    step.run();
    step.run();  // nothing is left over from the first run
    const Array& first = ladder.steps.front().result;
    const std::vector<double> exact = expected(first, step.result.size());
    double worst = 0.0, largest = 0.0;
    for (index_t i = 0; i < step.result.size(); ++i) {
      const double want = exact[static_cast<std::size_t>(i)];
      const double off = std::fabs(value(step.result, i) - want);
      worst = std::max(worst, std::isnan(off) ? 1e300 : off);
      largest = std::max(largest, std::fabs(want));
    }
    REQUIRE(largest > 0.0);
    REQUIRE(worst <= step.tolerance * largest);
  }
}

}  // namespace

TEST_CASE("every step of a ladder computes the same") {
  for (const Isa isa : supported_isas()) {
    CAPTURE(name_of(isa));
    const Steps all = steps(isa);
    check(gemm_ladder(all, 2 * kGemmMultiple));
    check(convolution_ladder(all, kConvWidth));
    check(int8_ladder(all, kInt8Multiple));
    check(attention_ladder(all, 3 * kAttentionPositions));
  }
}

TEST_CASE("the first steps follow the definition") {
  const Steps all = steps(Isa::baseline);
  const float a[4] = {1, 2, 3, 4}, b[4] = {5, 6, 7, 8};
  float c[4] = {};
  all.gemm.naive({2, a, b, c, nullptr});
  CHECK(std::vector<float>(c, c + 4) == std::vector<float>{19, 22, 43, 50});
  const float image[4] = {1, 2, 3, 4};
  const float weights[9] = {1, 10, 100, 1000, 10000, 100000, 0, 0, 0};
  all.convolution.naive({1, 1, 2, 2, image, weights, c, nullptr, nullptr});
  CHECK(std::vector<float>(c, c + 4) == std::vector<float>{210000, 21000, 430210, 43021});
  const std::int8_t left[4] = {1, -2, 3, 4}, right[4] = {5, 6, 7, -8};
  std::int32_t sums[4] = {};
  all.int8.naive({2, left, right, sums, nullptr, nullptr, nullptr});
  CHECK(std::vector<std::int32_t>(sums, sums + 4) == std::vector<std::int32_t>{-7, 23, 39, -11});
  const float q[2] = {0, std::log(3.0f)}, k[2] = {0, 1}, v[2] = {4, 8};
  float scores[4];
  all.attention.naive({1, 2, 1, q, k, v, c, scores, nullptr});
  CHECK(c[0] == 4.0f);
  CHECK(c[1] == Approx(7.0f));
}
