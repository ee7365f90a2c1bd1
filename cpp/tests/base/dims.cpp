// Shapes, strides, axes, broadcasting of shapes, and the table of element types.
#include "tinytorch/base/dims.hpp"

#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "tinytorch/base/dtype.hpp"

using namespace tt;

TEST_CASE("dims: sizes, insertion, removal and the limit") {
  Dims d{2, 3};
  d.insert(0, 7);
  d.insert(3, 9);
  CHECK(d == Dims{7, 2, 3, 9});
  d.erase(1);
  CHECK(d == Dims{7, 3, 9});
  CHECK(to_string(d) == "(7, 3, 9)");
  CHECK(to_string(Dims{4}) == "(4,)");
  CHECK(to_string(Dims{}) == "()");
  Dims full(kMaxDims, 1);
  CHECK_THROWS_AS(full.push_back(1), ShapeError);
  CHECK_THROWS_AS(full.insert(0, 1), ShapeError);
  CHECK_THROWS_AS(Dims(kMaxDims + 1), ShapeError);
}

TEST_CASE("number of elements: empty, scalar, overflow, negative") {
  CHECK(numel({}) == 1);
  CHECK(numel({2, 3, 4}) == 24);
  CHECK(numel({2, 0, 4}) == 0);
  const index_t huge = index_t{1} << 40;
  CHECK_THROWS_AS(numel({huge, huge}), ShapeError);
  CHECK(numel({huge, 0}) == 0);
  CHECK_THROWS_AS(numel({huge, 0, huge}), ShapeError);
  CHECK_THROWS_AS(numel({3, -1}), ShapeError);
  CHECK_THROWS_AS(numel({std::numeric_limits<index_t>::min()}), ShapeError);
}

TEST_CASE("row-major strides") {
  CHECK(contiguous_strides({2, 3, 4}) == Dims{12, 4, 1});
  CHECK(contiguous_strides({}) == Dims{});
  CHECK(contiguous_strides({2, 0, 4}) == Dims{4, 4, 1});
}

TEST_CASE("axes count from either end") {
  CHECK(normalize_axis(0, 3) == 0);
  CHECK(normalize_axis(-1, 3) == 2);
  CHECK_THROWS_AS(normalize_axis(3, 3), IndexError);
  CHECK_THROWS_AS(normalize_axis(-4, 3), IndexError);
  CHECK_THROWS_AS(normalize_axis(0, 0), IndexError);
  CHECK_THROWS_AS(normalize_axis(std::numeric_limits<index_t>::max(), 3), IndexError);
  CHECK_THROWS_AS(normalize_axis(std::numeric_limits<index_t>::min(), 3), IndexError);
}

TEST_CASE("broadcasting follows NumPy, over all shapes of up to three sizes from 0 to 3") {
  std::vector<Shape> shapes{{}};
  for (index_t a = 0; a < 4; ++a) {
    shapes.push_back({a});
    for (index_t b = 0; b < 4; ++b) {
      shapes.push_back({a, b});
      for (index_t c = 0; c < 4; ++c) shapes.push_back({a, b, c});
    }
  }
  int wrong = 0;
  for (const Shape& a : shapes) {
    for (const Shape& b : shapes) {
      const int nd = std::max(a.size(), b.size());
      Shape expected(nd, 1);
      bool ok = true;
      for (int d = 1; d <= nd; ++d) {
        const index_t x = d <= a.size() ? a[a.size() - d] : 1,
                      y = d <= b.size() ? b[b.size() - d] : 1;
        ok = ok && (x == y || x == 1 || y == 1);
        expected[nd - d] = x == 1 ? y : x;
      }
      try {
        const Shape made = broadcast_shapes(a, b);
        wrong += !ok || !(made == expected);
      } catch (const ShapeError& e) {
        wrong += ok || std::string(e.what()).find("broadcast") == std::string::npos;
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("promotion is commutative, has a bottom, and never loses a float") {
  for (int i = 0; i <= static_cast<int>(DType::boolean); ++i) {
    const auto a = static_cast<DType>(i);
    CHECK(promote(a, a) == a);
    CHECK(promote(a, DType::boolean) == a);
    CHECK(dtype_from_name(name_of(a)) == a);
    for (int j = 0; j <= static_cast<int>(DType::boolean); ++j) {
      const auto b = static_cast<DType>(j);
      CHECK(promote(a, b) == promote(b, a));
      CHECK(is_float(promote(a, b)) == (is_float(a) || is_float(b)));
    }
  }
  CHECK(promote(DType::bf16, DType::f16) == DType::f32);
  CHECK(promote(DType::i8, DType::u8) == DType::i32);
  CHECK(promote(DType::i64, DType::f16) == DType::f16);
  CHECK_THROWS_AS(dtype_from_name("int16"), DTypeError);
}
