#include "tinytorch/nn/tied_matrix.hpp"

#include <cmath>

#include "support/catch.hpp"
#include "tinytorch/base/error.hpp"
#include "tinytorch/nn/muon.hpp"

using namespace tt;

namespace {

using Partners = std::vector<std::int64_t>;

// Different values that are tied.
Array tied(const Partners& rows, const Partners& columns) {
  const auto m = static_cast<index_t>(rows.size()), n = static_cast<index_t>(columns.size());
  const Array g = Array::empty({m, n});
  float* at = g.data<float>();
  for (index_t i = 0; i < m; ++i) {
    for (index_t j = 0; j < n; ++j) {
      const index_t p = rows[static_cast<std::size_t>(i)], q = columns[static_cast<std::size_t>(j)];
      const auto place = static_cast<double>(std::min(i * n + j, p * n + q));
      at[i * n + j] = static_cast<float>(std::sin(place * 1.7) + std::cos(place * place));
    }
  }
  return g;
}

void check_near(const Array& a, const Array& b, double within) {
  REQUIRE(a.shape() == b.shape());
  for (index_t i = 0; i < a.size(); ++i) {
    REQUIRE(std::abs(a.data<float>()[i] - b.data<float>()[i]) <= within);
  }
}

}  // namespace

TEST_CASE("tied matrices: two smaller ones are all of it") {
  const std::vector<Partners> axes{
      {2, 3, 0, 1}, {1, 0, 2, 4, 3}, {0, 1, 2}, {5, 4, 3, 2, 1, 0}, {0}, {}};
  for (const Partners& rows : axes) {
    for (const Partners& columns : axes) {
      const nn::TiedMatrix ties{nn::TiedAxis(rows), nn::TiedAxis(columns)};
      const Array g = tied(rows, columns);
      const auto parts = ties.split(g);
      check_near(ties.joined(parts), g, 1e-6);
      double whole = 0.0, split = 0.0;
      for (index_t i = 0; i < g.size(); ++i) whole += std::pow(g.data<float>()[i], 2);
      for (const Array& part : {parts.even, parts.odd}) {
        for (index_t i = 0; i < part.size(); ++i) split += std::pow(part.data<float>()[i], 2);
      }
      if (rows == Partners{2, 3, 0, 1} && columns == Partners{5, 4, 3, 2, 1, 0}) {
        CHECK(parts.even.shape() == Shape{2, 3});
        CHECK(parts.odd.shape() == Shape{2, 3});
      }
      CHECK(std::abs(whole - split) <= 1e-5 * (1.0 + whole));  // orthogonal, so of the same norm
    }
  }
}

TEST_CASE("tied matrices are made orthogonal in two halves") {
  Partners rows(24), columns(42);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int64_t>((i + 12) % 24);
  for (std::size_t j = 0; j < columns.size(); ++j) {
    columns[j] = static_cast<std::int64_t>(j < 4 ? j : columns.size() + 3 - j);
  }
  for (const bool turned : {false, true}) {
    if (turned) std::swap(rows, columns);
    const nn::TiedMatrix ties{nn::TiedAxis(rows), nn::TiedAxis(columns)};
    const Array g = tied(rows, columns);
    check_near(nn::orthogonalized(g, 4, ops::Products::full, &ties),
               nn::orthogonalized(g, 4, ops::Products::full), 2e-4);
  }
}

TEST_CASE("tied matrices: a partner must have its partner back") {
  for (const Partners& wrong : std::vector<Partners>{{1, 2, 0}, {1, 1}, {-1}, {1}}) {
    REQUIRE_THROWS_AS(nn::TiedAxis(wrong), ValueError);
  }
}
