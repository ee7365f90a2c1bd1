// Copying between any two element types and layouts, against one element at a time.
#include <cmath>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "tinytorch/array/array.hpp"

using namespace tt;

namespace {

constexpr DType kTypes[] = {DType::f32, DType::f64, DType::bf16, DType::f16,    DType::i64,
                            DType::i32, DType::i8,  DType::u8,   DType::boolean};

// All layouts of a (3, 4) array: (view, its place in memory is up to the layout).
std::vector<Array> layouts(DType type) {
  std::vector<Array> out;
  out.push_back(Array::zeros({3, 4}, type));
  out.push_back(Array::zeros({4, 3}, type).transpose(0, 1));
  out.push_back(Array::zeros({3, 9}, type).slice(1, 1, 4, 2));
  out.push_back(Array::zeros({3, 4}, type).flip(0));
  out.push_back(Array::zeros({3, 4}, type).flip(1));
  out.push_back(Array::zeros({5, 4}, type).slice(0, 4, 3, -2));
  return out;
}

double at(const Array& a, index_t i, index_t j) { return a.select(0, i).select(0, j).item(); }

// Small integers, exact in every type; booleans hold whether they are zero.
double value(DType type, index_t i, index_t j) {
  const double v = static_cast<double>((i * 4 + j) % 7);
  return type == DType::boolean ? (v != 0) : v;
}

void fill(const Array& a) {
  for (index_t i = 0; i < 3; ++i) {
    for (index_t j = 0; j < 4; ++j) a.select(0, i).select(0, j).fill(value(a.dtype(), i, j));
  }
}

}  // namespace

TEST_CASE("copies convert between all pairs of types and layouts") {
  int wrong = 0;
  for (DType from : kTypes) {
    for (DType to : kTypes) {
      for (const Array& source : layouts(from)) {
        fill(source);
        for (const Array& target : layouts(to)) {
          target.copy_from(source);
          for (index_t i = 0; i < 3; ++i) {
            for (index_t j = 0; j < 4; ++j) {
              const double v = at(source, i, j);
              wrong += at(target, i, j) != (to == DType::boolean ? (v != 0) : v);
            }
          }
        }
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("copies touch nothing beside their target") {
  const Array whole = Array::full({6, 10}, 7.0);
  whole.slice(0, 1, 4).slice(1, 2, 3, 3).copy_from(Array::zeros({4, 3}));
  for (index_t i = 0; i < 6; ++i) {
    for (index_t j = 0; j < 10; ++j) {
      const bool inside = i >= 1 && i <= 4 && (j == 2 || j == 5 || j == 8);
      REQUIRE(at(whole, i, j) == (inside ? 0.0 : 7.0));
    }
  }
}

TEST_CASE("copies broadcast, and refuse what does not fit") {
  const Array target = Array::zeros({2, 3});
  target.copy_from(Array::from<float>({1, 2, 3}, {3}));
  CHECK(at(target, 1, 2) == 3);
  target.copy_from(Array::from<float>({8, 9}, {2, 1}));
  CHECK(at(target, 1, 0) == 9);
  target.copy_from(Array::scalar(4.0));
  CHECK(at(target, 0, 1) == 4);
  CHECK_THROWS_AS(target.copy_from(Array::zeros({2})), ShapeError);
  CHECK_THROWS_AS(target.copy_from(Array::zeros({1, 2, 3})), ShapeError);
  Array::zeros({0, 3}).copy_from(Array::zeros({3}));
}

TEST_CASE("floats outside an integer type convert without trapping") {
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<double> values{1e300, -1e300, inf, -inf, std::nan(""), -1.9, 1.9, 300.0, -0.0};
  const Array x = Array::from<double>(values, {9});
  for (DType type : {DType::i64, DType::i32, DType::i8, DType::u8}) {
    const Array y = x.astype(type);
    CHECK(y.select(0, 4).item() == 0);
    CHECK(y.select(0, 6).item() == 1);
    if (type != DType::u8) CHECK(y.select(0, 5).item() == -1);
  }
  CHECK(x.astype(DType::boolean).select(0, 4).item() == 1);
  CHECK(x.astype(DType::boolean).select(0, 8).item() == 0);
}

TEST_CASE("large copies are shared out between threads and come out the same") {
  const index_t n = 700, m = 530;
  const Array x = Array::empty({n, m});
  for (index_t i = 0; i < n * m; ++i) x.data<float>()[i] = static_cast<float>(i);
  const Array y = x.transpose(0, 1).copy();
  int wrong = 0;
  for (index_t i = 0; i < n; ++i) {
    for (index_t j = 0; j < m; ++j)
      wrong += y.data<float>()[j * n + i] != x.data<float>()[i * m + j];
  }
  CHECK(wrong == 0);
  CHECK(y.is_contiguous());
}

TEST_CASE("what is contiguous along another dimension is turned, and nothing beside it touched") {
  int wrong = 0;
  for (DType type : kTypes) {
    for (index_t rows : {8, 16, 41}) {
      for (index_t cols : {9, 32, 50}) {
        std::vector<double> values(static_cast<std::size_t>(2 * rows * cols));
        for (std::size_t i = 0; i < values.size(); ++i)
          values[i] = value(DType::f64, 0, static_cast<index_t>(i));
        const Array source = Array::from(values, {2, rows, cols}).astype(type);
        const Array whole = Array::full({2, cols, rows + 2}, 1.0, type);
        whole.slice(2, 1, rows).copy_from(source.transpose(1, 2));
        const Array seen = whole.astype(DType::f64), exact = source.astype(DType::f64);
        const double *got = seen.data<double>(), *want = exact.data<double>();
        for (index_t i = 0; i < seen.size(); ++i) {
          const index_t r = i % (rows + 2) - 1, c = i / (rows + 2) % cols,
                        k = i / (rows + 2) / cols;
          wrong += got[i] != (r < 0 || r == rows ? 1.0 : want[(k * rows + r) * cols + c]);
        }
      }
    }
  }
  CHECK(wrong == 0);
}
