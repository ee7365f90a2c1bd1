// Reductions on every instruction set, against float64 loops: the error bound does not grow with n.
#include "kernels/kernel_support.hpp"
#include "tinytorch/kernels/reduce/reference.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

std::vector<std::size_t> row_lengths() {
  std::vector<std::size_t> all = sizes();
  for (std::size_t n : {8191, 8192, 8193, 16385, 100003, 1000003}) all.push_back(n);
  return all;
}

// A few roundings of the sum of magnitudes, whatever n.
double allowance(const std::vector<double>& terms) {
  double magnitude = 0;
  for (double t : terms) magnitude += std::fabs(t);
  return 16 * kEpsilon * magnitude;
}

}  // namespace

TEST_CASE("sums keep their error small at any length") {
  for (Isa isa : isas(&Table::reduce)) {
    const ReduceTable& t = table(isa).reduce;
    for (std::size_t n : row_lengths()) {
      INFO(name_of(isa) << " n = " << n);
      Guarded<float> x(normal(n, 11), 1), y(normal(n, 12), 2);
      std::vector<double> a = widen(x.values()), b = widen(y.values());
      CHECK(std::fabs(t.sum(x.data(), n) - reference::sum(a.data(), n)) <= allowance(a));
      std::vector<double> products(n), squares(n);
      for (std::size_t i = 0; i < n; ++i) {
        products[i] = a[i] * b[i];
        squares[i] = (a[i] - 0.25) * (a[i] - 0.25);
      }
      CHECK(std::fabs(t.dot(x.data(), y.data(), n) - reference::dot(a.data(), b.data(), n)) <=
            allowance(products));
      CHECK(std::fabs(t.sum_squared_difference(x.data(), n, 0.25f) -
                      reference::sum_squared_difference(a.data(), n, 0.25)) <= allowance(squares));
    }
  }
}

TEST_CASE("the sum of equal values is exact where float64 is") {
  const std::vector<float> ones(3000000, 1.0f);
  for (Isa isa : isas(&Table::reduce)) {
    CHECK(table(isa).reduce.sum(ones.data(), ones.size()) == 3000000.0f);
    CHECK(table(isa).reduce.sum(ones.data(), 0) == 0.0f);
    CHECK(table(isa).reduce.prod(ones.data(), 0) == 1.0f);
    CHECK(table(isa).reduce.prod(ones.data(), 1001) == 1.0f);
  }
}

TEST_CASE("products follow float64") {
  for (Isa isa : isas(&Table::reduce)) {
    for (std::size_t n : sizes()) {
      INFO(name_of(isa) << " n = " << n);
      std::vector<float> x = normal(n, 13, 0.01f);
      for (float& v : x) v += 1.0f;
      const std::vector<double> a = widen(x);
      const double exact = reference::prod(a.data(), n);
      const double bound = static_cast<double>(n + 1) * kEpsilon * std::fabs(exact);
      CHECK(std::fabs(table(isa).reduce.prod(x.data(), n) - exact) <= bound);
    }
  }
}

TEST_CASE("max and min are exact, wherever the extreme lies, and NaN wins") {
  for (Isa isa : isas(&Table::reduce)) {
    const ReduceTable& t = table(isa).reduce;
    for (std::size_t n : sizes()) {
      if (n == 0) continue;
      INFO(name_of(isa) << " n = " << n);
      std::vector<float> x = normal(n, 14);
      bool same = t.max(x.data(), n) == reference::max(x.data(), n) &&
                  t.min(x.data(), n) == reference::min(x.data(), n);
      const std::size_t step = n > 200 ? 37 : 1;
      for (std::size_t i = 0; i < n; i += step) {
        const float kept = x[i];
        x[i] = 100.0f;
        same &= t.max(x.data(), n) == 100.0f;
        x[i] = -100.0f;
        same &= t.min(x.data(), n) == -100.0f;
        x[i] = kNan;
        same &= std::isnan(t.max(x.data(), n)) && std::isnan(t.min(x.data(), n));
        x[i] = kept;
      }
      CHECK(same);
    }
    const std::vector<float> low(21, -kInf), high(21, kInf);
    CHECK(t.max(low.data(), 21) == -kInf);
    CHECK(t.min(high.data(), 21) == kInf);
  }
}

TEST_CASE("a reduction does not depend on alignment, and reads nothing beyond the row") {
  for (Isa isa : isas(&Table::reduce)) {
    const ReduceTable& t = table(isa).reduce;
    for (std::size_t n : {1, 5, 17, 31, 100, 8200}) {
      const std::vector<float> x = normal(static_cast<std::size_t>(n), 15);
      for (std::size_t offset : {1, 2, 7}) {
        // The guard bytes are not NaN but would spoil a sum by their magnitude if they were read.
        Guarded<float> aligned(x, 0), moved(x, offset);
        CHECK(t.sum(aligned.data(), x.size()) == t.sum(moved.data(), x.size()));
        CHECK(t.dot(aligned.data(), aligned.data(), x.size()) ==
              t.dot(moved.data(), moved.data(), x.size()));
        CHECK(t.max(aligned.data(), x.size()) == t.max(moved.data(), x.size()));
      }
    }
  }
}

TEST_CASE("sums of columns follow float64, whichever columns are asked for") {
  for (Isa isa : isas(&Table::reduce)) {
    const ReduceTable& t = table(isa).reduce;
    for (const std::int64_t cols : {1, 3, 16, 31, 130, 300}) {
      for (const std::int64_t rows : {0, 1, 7, 8, 9, 255, 257, 700}) {
        INFO(name_of(isa) << " rows = " << rows << " cols = " << cols);
        const std::int64_t stride = cols + 5;
        Guarded<float> x(
            normal(static_cast<std::size_t>(std::max(rows, std::int64_t{1}) * stride), 16), 1);
        Guarded<float> sums(static_cast<std::size_t>(cols), 3);
        t.column_sums(x.data(), stride, rows, cols, sums.data());
        bool close = true, same = true;
        for (std::int64_t j = 0; j < cols; ++j) {
          std::vector<double> terms;
          for (std::int64_t r = 0; r < rows; ++r) {
            terms.push_back(x[static_cast<std::size_t>(r * stride + j)]);
          }
          const float got = sums[static_cast<std::size_t>(j)];
          close &= std::fabs(got - reference::sum(terms.data(), terms.size())) <= allowance(terms);
          float alone = 1.0f;
          t.column_sums(x.data() + j, stride, rows, 1, &alone);
          same &= got == alone;
        }
        CHECK((close && same && sums.intact()));
      }
    }
  }
}

TEST_CASE("a million equal rows are summed without loss") {
  const std::vector<float> x(3'000'000, 0.1f);
  for (Isa isa : isas(&Table::reduce)) {
    float sums[3];
    table(isa).reduce.column_sums(x.data(), 3, 1'000'000, 3, sums);
    for (const float s : sums) CHECK(std::fabs(s - 100000.0) < 5.0);
  }
}
