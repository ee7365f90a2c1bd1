// Products on a matrix unit, where the machine has one, against sums in double.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/kernel_support.hpp"
#include "support/catch.hpp"
#include "tinytorch/base/half.hpp"
#include "tinytorch/base/rng.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/gemm_tiles/plain.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

bool has_unit() { return active().gemm_tiles.one.multiply != nullptr; }

// A and B as they are or transposed in memory; rows of C are longer than n.
struct Problem {
  Problem(std::int64_t rows, std::int64_t cols, std::int64_t depth, bool a_turned = false,
          bool b_turned = false)
      : m(rows), n(cols), k(depth), c_row(cols + 3) {
    Generator g(7);
    a = random_f32(m * k, g);
    b = random_f32(k * n, g);
    bias = random_f32(n, g);
    start = random_f32(m * c_row, g);
    a_row = a_turned ? 1 : k, a_col = a_turned ? m : 1;
    b_row = b_turned ? 1 : n, b_col = b_turned ? k : 1;
  }
  float& left(std::int64_t i, std::int64_t p) { return a[count(i * a_row + p * a_col)]; }
  float& right(std::int64_t p, std::int64_t j) { return b[count(p * b_row + j * b_col)]; }

  Gemm describe(std::vector<float>& c) const {
    Gemm g;
    g.m = m, g.n = n, g.k = k;
    g.a = a.data(), g.a_row = a_row, g.a_col = a_col;
    g.b = b.data(), g.b_row = b_row, g.b_col = b_col;
    g.c = c.data(), g.c_row = c_row;
    g.accumulate = accumulate;
    g.bias = biased ? bias.data() : nullptr;
    return g;
  }
  std::vector<float> run(TilePieces pieces) const {
    std::vector<float> c = start;
    gemm_tiles(describe(c), pieces);
    return c;
  }
  // The largest error, as a multiple of float32's rounding of the sum's terms taken positive.
  double error(const std::vector<float>& c, TilePieces pieces) {
    double worst = 0.0;
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        const double before = static_cast<double>(start[count(i * c_row + j)]);
        double sum =
            (biased ? static_cast<double>(bias[count(j)]) : 0.0) + (accumulate ? before : 0);
        double size = std::fabs(sum);
        for (std::int64_t p = 0; p < k; ++p) {
          float x = left(i, p), y = right(p, j);
          if (pieces == TilePieces::one)
            x = static_cast<float>(bf16(x)), y = static_cast<float>(bf16(y));
          const double term = static_cast<double>(x) * static_cast<double>(y);
          sum += term, size += std::fabs(term);
        }
        const double off = std::fabs(static_cast<double>(c[count(i * c_row + j)]) - sum);
        worst = std::max(worst, off / size * 0x1p24);
      }
    }
    return worst;
  }
  bool beyond_kept(const std::vector<float>& c) const {
    for (std::int64_t i = 0; i < m; ++i) {
      if (std::memcmp(&c[count(i * c_row + n)], &start[count(i * c_row + n)], 3 * sizeof(float)) !=
          0) {
        return false;
      }
    }
    return true;
  }

  std::int64_t m, n, k, c_row, a_row = 0, a_col = 1, b_row = 0, b_col = 1;
  bool accumulate = false, biased = false;
  std::vector<float> a, b, bias, start;
};

bool same_bits(const float* a, const float* b, std::int64_t n) {
  return std::memcmp(a, b, count(n) * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("products on tiles agree with sums in double, for any size and layout") {
  if (!has_unit()) return;
  for (const std::int64_t m : {1, 15, 16, 31, 32, 33, 64, 257, 290}) {
    for (const std::int64_t n : {1, 15, 16, 17, 32, 49, 96}) {
      for (const std::int64_t k : {1, 2, 31, 32, 33, 63, 130}) {
        for (const int layout : {0, 1, 2, 3}) {
          CAPTURE(m, n, k, layout);
          Problem p(m, n, k, layout % 2 != 0, layout / 2 != 0);
          p.accumulate = (m + n) % 2 == 0, p.biased = (n + k) % 2 == 0;
          for (const auto pieces : {TilePieces::one, TilePieces::three}) {
            const std::vector<float> c = p.run(pieces);
            REQUIRE(p.error(c, pieces) < 8.0);
            REQUIRE(p.beyond_kept(c));
          }
        }
      }
    }
  }
}

TEST_CASE("deep and wide products on tiles are cut, and keep the accuracy of float32") {
  if (!has_unit()) return;
  for (const auto [m, n, k] : {std::array<std::int64_t, 3>{40, 50, 3300},
                               {4130, 33, 50},
                               {33, 5150, 64},
                               {4100, 5200, 40}}) {
    CAPTURE(m, n, k);
    Problem p(m, n, k);
    p.biased = true;
    if (m * n < 1000000) {
      REQUIRE(p.error(p.run(TilePieces::three), TilePieces::three) < 12.0);
      REQUIRE(p.error(p.run(TilePieces::one), TilePieces::one) < 12.0);
    }
    std::vector<float> c = p.start, again = p.start;
    gemm(p.describe(c));
    gemm_tiles(p.describe(again), TilePieces::three);
    float worst = 0.0f;
    for (std::size_t i = 0; i < c.size(); ++i) worst = std::max(worst, std::fabs(c[i] - again[i]));
    REQUIRE(worst < 1e-6f * static_cast<float>(k));
  }
}

TEST_CASE("large results on tiles that pass by the caches are the same") {
  if (!has_unit()) return;
  Problem p(33, 1536, 50);
  std::vector<float> large(count(1400 * 1536 + 16)), small(count(33 * 1536));
  auto* c =
      reinterpret_cast<float*>((reinterpret_cast<std::uintptr_t>(large.data()) + 63) / 64 * 64);
  for (const bool biased : {false, true}) {
    p.biased = biased;
    Gemm g = p.describe(small);
    g.c_row = g.n;
    gemm_tiles(g, TilePieces::three);
    g.c = c, g.m = 1400, g.a_row = 0;  // the first row again and again
    g.a_col = 1;
    gemm_tiles(g, TilePieces::three);
    int wrong = 0;
    for (std::int64_t i = 0; i < g.m; ++i) wrong += !same_bits(c + i * g.n, small.data(), g.n);
    CHECK(wrong == 0);
  }
}

TEST_CASE("rows on tiles do not depend on their neighbours, nor results on threads") {
  if (!has_unit()) return;
  const int threads = num_threads();
  for (const auto pieces : {TilePieces::one, TilePieces::three}) {
    Problem p(77, 90, 1700);
    p.accumulate = p.biased = true;
    set_num_threads(1);
    const std::vector<float> all = p.run(pieces);
    set_num_threads(4);
    CHECK(same_bits(all.data(), p.run(pieces).data(), p.m * p.c_row));
    set_num_threads(threads);
    for (const std::int64_t i : {0, 31, 32, 76}) {
      std::vector<float> c = p.start;
      Gemm g = p.describe(c);
      g.m = 1, g.a += i * g.a_row, g.c += i * g.c_row;
      gemm_tiles(g, pieces);
      CHECK(same_bits(&all[count(i * p.c_row)], &c[count(i * p.c_row)], p.n));
    }
  }
}

TEST_CASE("values without three pieces give what float32 products give") {
  if (!has_unit()) return;
  const float huge = std::numeric_limits<float>::max();
  for (const float odd : {kInf, -kInf, kNan, huge, -huge}) {
    CAPTURE(odd);
    Problem clean(40, 50, 600), rows = clean, columns = clean;
    const std::vector<float> before = clean.run(TilePieces::three);
    rows.left(33, 599) = odd;
    const std::vector<float> c = rows.run(TilePieces::three);
    std::vector<float> expected = rows.start;
    gemm(rows.describe(expected));
    for (std::int64_t j = 0; j < rows.n; ++j) {
      const std::size_t at = count(33 * rows.c_row + j);
      CHECK(std::isnan(c[at]) == std::isnan(expected[at]));
      if (!std::isnan(c[at])) CHECK(c[at] == Approx(expected[at]));
    }
    CHECK(same_bits(before.data(), c.data(), 33 * clean.c_row));
    columns.right(3, 7) = odd;
    const std::vector<float> d = columns.run(TilePieces::three);
    expected = columns.start;
    gemm(columns.describe(expected));
    for (std::int64_t i = 0; i < columns.m; ++i) {
      const std::size_t at = count(i * columns.c_row + 7);
      CHECK(std::isnan(d[at]) == std::isnan(expected[at]));
      if (!std::isnan(d[at])) CHECK(d[at] == Approx(expected[at]));
    }
  }
}

TEST_CASE("tiny and large values keep their precision in three pieces") {
  if (!has_unit()) return;
  for (const float scale : {0x1p-90f, 0x1p-30f, 0x1p30f, 0x1p100f}) {
    CAPTURE(scale);
    Problem p(33, 50, 64);
    for (float& x : p.a) x *= scale;
    CHECK(p.error(p.run(TilePieces::three), TilePieces::three) < 8.0);
  }
}

TEST_CASE("small products and strided operands are left to the other kernels") {
  std::vector<float> c;
  Problem p(4, 64, 64);
  CHECK(gemm_tiles_fits(p.describe(c)) == has_unit());
  Gemm g = p.describe(c);
  g.k = 8;
  CHECK_FALSE(gemm_tiles_fits(g));
  g = p.describe(c);
  g.a_col = 2;
  CHECK_FALSE(gemm_tiles_fits(g));
}
