// The float matrix product on every instruction set: any shape and stride against float64, equal
// bits for any thread count, and rows that do not depend on their batch.
#include <algorithm>

#include "kernels/kernel_support.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/gemm_f32/blocked.hpp"
#include "tinytorch/kernels/gemm_f32/reference.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

enum class Layout { rows, columns, every_second };

// A matrix of rows x cols stored in one of the layouts, in guarded memory.
struct Matrix {
  Matrix(std::int64_t rows, std::int64_t cols, Layout layout, std::uint64_t seed)
      : row(layout == Layout::columns ? 1 : (layout == Layout::rows ? cols : 2 * cols + 3)),
        col(layout == Layout::columns ? rows : (layout == Layout::rows ? 1 : 2)),
        values(normal(count(rows, cols), seed), 1),
        wide(widen(values.values())) {}
  std::size_t count(std::int64_t rows, std::int64_t cols) const {
    return rows == 0 || cols == 0
               ? 0
               : static_cast<std::size_t>((rows - 1) * row + (cols - 1) * col + 1);
  }
  std::int64_t row, col;
  Guarded<float> values;
  std::vector<double> wide;
};

struct Problem {
  Problem(std::int64_t rows, std::int64_t cols, std::int64_t depth, Layout la, Layout lb)
      : m(rows),
        n(cols),
        k(depth),
        a(m, k, la, 61),
        b(k, n, lb, 62),
        start(normal(static_cast<std::size_t>(m * (n + 2)), 63)),
        bias(normal(static_cast<std::size_t>(n), 64)) {}

  // C has two columns of padding per row, which no kernel may touch.
  std::vector<float> run(const GemmTable& t, bool accumulate, bool with_bias) {
    Guarded<float> c(start, 1);
    Gemm g;
    g.m = m, g.n = n, g.k = k;
    g.a = a.values.data(), g.a_row = a.row, g.a_col = a.col;
    g.b = b.values.data(), g.b_row = b.row, g.b_col = b.col;
    g.c = c.data(), g.c_row = n + 2;
    g.accumulate = accumulate;
    g.bias = with_bias ? bias.data() : nullptr;
    gemm_with(g, t);
    CHECK((c.intact() && a.values.intact() && b.values.intact()));
    return c.values();
  }
  std::vector<double> exact(bool accumulate, bool with_bias) const {
    std::vector<double> c(start.begin(), start.end());
    const std::vector<double> wide_bias = widen(bias);
    GemmOf<double> g;
    g.m = m, g.n = n, g.k = k;
    g.a = a.wide.data(), g.a_row = a.row, g.a_col = a.col;
    g.b = b.wide.data(), g.b_row = b.row, g.b_col = b.col;
    g.c = c.data(), g.c_row = n + 2;
    g.accumulate = accumulate;
    g.bias = with_bias ? wide_bias.data() : nullptr;
    reference::gemm(g);
    return c;
  }
  std::int64_t m, n, k;
  Matrix a, b;
  std::vector<float> start, bias;
};

// Sums of k products of standard normals wander about sqrt(k): each addition rounds by up to half
// an epsilon of that, and k such errors grow like k.
bool all_close(const std::vector<float>& c, const std::vector<double>& exact, std::int64_t k) {
  const double bound = 4 * kEpsilon * static_cast<double>(8 + k);
  for (std::size_t i = 0; i < c.size(); ++i) {
    if (!(std::fabs(c[i] - exact[i]) <= bound)) {
      UNSCOPED_INFO("[" << i << "] " << c[i] << ", not " << exact[i]);
      return false;
    }
  }
  return true;
}

void check(Problem& p) {
  for (bool accumulate : {false, true}) {
    for (bool with_bias : {false, true}) {
      const std::vector<double> exact = p.exact(accumulate, with_bias);
      for (Isa isa : isas(&Table::gemm_f32)) {
        INFO(name_of(isa) << " m = " << p.m << " n = " << p.n << " k = " << p.k << " accumulate "
                          << accumulate << " bias " << with_bias);
        CHECK(all_close(p.run(table(isa).gemm_f32, accumulate, with_bias), exact, p.k));
      }
    }
  }
}

struct Threads {
  explicit Threads(int count) : before(num_threads()) { set_num_threads(count); }
  ~Threads() { set_num_threads(before); }
  int before;
};

}  // namespace

TEST_CASE("gemm at odd sizes") {
  for (std::int64_t m : {0, 1, 2, 5, 6, 13, 14, 15, 29}) {
    for (std::int64_t n : {0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 48, 65}) {
      for (std::int64_t k : {0, 1, 2, 7, 64}) {
        Problem p(m, n, k, Layout::rows, Layout::rows);
        check(p);
      }
    }
  }
}

TEST_CASE("gemm with transposed and strided operands") {
  for (Layout a : {Layout::rows, Layout::columns, Layout::every_second}) {
    for (Layout b : {Layout::rows, Layout::columns, Layout::every_second}) {
      for (std::int64_t m : {1, 3, 14, 37}) {
        for (std::int64_t n : {1, 5, 32, 71, 130}) {
          Problem p(m, n, 45, a, b);
          check(p);
        }
      }
    }
  }
}

TEST_CASE("gemm over several cache blocks") {
  Problem deep(33, 70, 2 * kGemmDepth + 17, Layout::rows, Layout::rows);
  check(deep);
  Problem tall(611, 97, 30, Layout::rows, Layout::columns);
  check(tall);
  Problem wide(17, 3100, 20, Layout::columns, Layout::rows);
  check(wide);
  Problem large(301, 530, kGemmDepth + 1, Layout::rows, Layout::rows);
  check(large);
  Problem row(1, 5000, 1000, Layout::rows, Layout::rows);
  check(row);
}

TEST_CASE("gemm with broadcast and reversed operands") {
  const std::vector<float> values = normal(12, 65);
  for (Isa isa : isas(&Table::gemm_f32)) {
    std::vector<float> c(9, 0.0f);
    Gemm g;
    g.m = 3, g.n = 3, g.k = 4;
    g.a = values.data(), g.a_row = 0, g.a_col = 1;         // one row three times
    g.b = values.data() + 11, g.b_row = -3, g.b_col = -1;  // reversed
    g.c = c.data(), g.c_row = 3;
    gemm_with(g, table(isa).gemm_f32);
    for (std::size_t j = 0; j < 3; ++j) {
      double exact = 0;
      for (std::size_t p = 0; p < 4; ++p) {
        exact += static_cast<double>(values[p]) * static_cast<double>(values[11 - 3 * p - j]);
      }
      CHECK(c[j] == Approx(exact).margin(1e-6));
      CHECK((c[j] == c[3 + j] && c[j] == c[6 + j]));
    }
  }
}

TEST_CASE("gemm gives equal bits for any thread count") {
  for (Isa isa : isas(&Table::gemm_f32)) {
    INFO(name_of(isa));
    Problem square(200, 600, 500, Layout::rows, Layout::rows);
    Problem row(1, 9000, 700, Layout::rows, Layout::rows);
    for (Problem* p : {&square, &row}) {
      std::vector<float> one;
      for (int count : {1, 2, 3, 8}) {
        const Threads threads(count);
        const std::vector<float> c = p->run(table(isa).gemm_f32, true, true);
        if (count == 1) one = c;
        CHECK(same_bits(c, one));
      }
    }
  }
}

TEST_CASE("a row of the product does not depend on its batch, nor on the layout of B") {
  constexpr std::int64_t kRows = 40, kCols = 333, kDepth = 2 * kGemmDepth + 5;
  const std::vector<float> a = normal(kRows * kDepth, 66), b = normal(kDepth * kCols, 67);
  const std::vector<float> bias = normal(kCols, 68);
  std::vector<float> transposed(b.size());
  for (std::int64_t p = 0; p < kDepth; ++p) {
    for (std::int64_t j = 0; j < kCols; ++j) {
      transposed[static_cast<std::size_t>(j * kDepth + p)] =
          b[static_cast<std::size_t>(p * kCols + j)];
    }
  }
  for (Isa isa : isas(&Table::gemm_f32)) {
    std::vector<float> whole(kRows * kCols);
    Gemm g;
    g.m = kRows, g.n = kCols, g.k = kDepth;
    g.a = a.data(), g.a_row = kDepth;
    g.b = b.data(), g.b_row = kCols;
    g.c = whole.data(), g.c_row = kCols;
    g.bias = bias.data();
    gemm_with(g, table(isa).gemm_f32);
    for (std::int64_t batch : {1, 2, 3, 14, 20}) {
      for (bool plain : {true, false}) {
        INFO(name_of(isa) << " batch " << batch << (plain ? "" : " transposed"));
        std::vector<float> part(static_cast<std::size_t>(batch * kCols));
        const std::int64_t first = 7;
        g.m = batch;
        g.a = a.data() + first * kDepth;
        g.b = plain ? b.data() : transposed.data();
        g.b_row = plain ? kCols : 1;
        g.b_col = plain ? 1 : kDepth;
        g.c = part.data();
        gemm_with(g, table(isa).gemm_f32);
        CHECK(std::memcmp(part.data(), whole.data() + first * kCols, part.size() * sizeof(float)) ==
              0);
      }
    }
  }
}

TEST_CASE("gemm passes NaN and infinity through, and ignores what C held") {
  for (Isa isa : isas(&Table::gemm_f32)) {
    std::vector<float> a(20 * 40, 1.0f), b(40 * 50, 1.0f), c(20 * 50, kNan);
    a[3 * 40 + 7] = kNan;
    b[5 * 50 + 9] = kInf;
    Gemm g;
    g.m = 20, g.n = 50, g.k = 40;
    g.a = a.data(), g.a_row = 40;
    g.b = b.data(), g.b_row = 50;
    g.c = c.data(), g.c_row = 50;
    gemm_with(g, table(isa).gemm_f32);
    for (std::size_t i = 0; i < 20; ++i) {
      for (std::size_t j = 0; j < 50; ++j) {
        const float v = c[i * 50 + j];
        CHECK((i == 3 ? std::isnan(v) : v == (j == 9 ? kInf : 40.0f)));
      }
    }
  }
}
