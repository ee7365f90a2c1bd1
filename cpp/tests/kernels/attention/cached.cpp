// Attention to a cache, on every instruction set, against sums in double; and the same bits whether
// positions come one by one or together.
#include "tinytorch/kernels/attention/cached.hpp"

#include <cmath>

#include "kernels/kernel_support.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

struct Problem {
  Problem(std::int64_t positions, std::int64_t size)
      : n(positions),
        d(size),
        q(normal(count(n * d), 91, 1.0f / std::sqrt(static_cast<float>(d)))),
        k(normal(count(n * d), 92)),
        v(normal(count(n * d), 93)) {}

  // Rows [first, n) of the output, `together` at a time.
  std::vector<float> run(const Table& t, std::int64_t first, std::int64_t together,
                         CacheFormat format = CacheFormat::f32) const {
    const std::int64_t bytes = size_of(format);
    std::vector<std::byte> keys(count(cached_key_count(t.gemm_f32, n, d) * bytes));
    std::vector<std::byte> values(count(n * d * bytes));
    const CachedHead head{d, format, keys.data(), values.data()};
    for (std::int64_t i = 0; i < n; ++i) {
      store_position(t, head, i, &k[count(i * d)], &v[count(i * d)]);
    }
    std::vector<float> scratch(count(scratch_floats(t.gemm_f32, n, d)));
    Guarded<float> out(std::vector<float>(count((n - first) * d), -1.0f), 1);
    for (std::int64_t i = first; i < n; i += together) {
      const std::int64_t rows = std::min(together, n - i);
      const NewPositions p{rows, i, &q[count(i * d)], d, out.data() + (i - first) * d, d};
      for (std::int64_t r = 0; r < rows; r += rows_together(t.gemm_f32)) {
        attend_rows(t, head, p, r, scratch.data());
      }
    }
    CHECK(out.intact());
    return out.values();
  }
  double exact(std::int64_t row, std::int64_t column) const {
    double sum = 0.0, total = 0.0;
    for (std::int64_t t = 0; t <= row; ++t) {
      double score = 0.0;
      for (std::int64_t i = 0; i < d; ++i) {
        score +=
            static_cast<double>(q[count(row * d + i)]) * static_cast<double>(k[count(t * d + i)]);
      }
      total += std::exp(score);
      sum += std::exp(score) * static_cast<double>(v[count(t * d + column)]);
    }
    return sum / total;
  }
  std::int64_t n, d;
  std::vector<float> q, k, v;
};

}  // namespace

TEST_CASE("attention to a cache agrees with the formula, however positions come") {
  for (const Isa isa : supported_isas()) {
    const Table& t = table(isa);
    for (const std::int64_t n : {1, 2, 15, 33, 70, 130}) {
      for (const std::int64_t d : {1, 3, 16, 40, 64}) {
        CAPTURE(name_of(isa), n, d);
        const Problem p(n, d);
        const std::vector<float> all = p.run(t, 0, n);
        double worst = 0.0;
        for (std::int64_t i = 0; i < n; ++i) {
          for (std::int64_t j = 0; j < d; ++j) {
            worst = std::max(worst,
                             std::fabs(static_cast<double>(all[count(i * d + j)]) - p.exact(i, j)));
          }
        }
        REQUIRE(worst < 2e-5);
        REQUIRE(same_bits(p.run(t, 0, 1), all));
        REQUIRE(same_bits(p.run(t, 0, 9), all));
        const std::vector<float> half = p.run(t, 0, n, CacheFormat::f16);
        REQUIRE(same_bits(p.run(t, 0, 1, CacheFormat::f16), half));
        for (std::size_t i = 0; i < half.size(); ++i) {
          REQUIRE(std::fabs(half[i] - all[i]) < 1e-2f);
        }
        const std::vector<float> rest(all.begin() + (n / 2) * d, all.end());
        REQUIRE(same_bits(p.run(t, n / 2, n), rest));
      }
    }
  }
}

TEST_CASE("attention over several passes of values") {
  const Problem p(3 * kValuePass + 37, 8);
  for (const Isa isa : supported_isas()) {
    CAPTURE(name_of(isa));
    const std::vector<float> last = p.run(table(isa), p.n - 3, 3);
    for (std::int64_t j = 0; j < 8; ++j) {
      CHECK(static_cast<double>(last[count(16 + j)]) == Approx(p.exact(p.n - 1, j)).margin(2e-6));
    }
    CHECK(same_bits(p.run(table(isa), p.n - 3, 1), last));
  }
}
