// Views: shapes, strides and offsets of every way to look at the same memory.
#include <vector>

#include "support/catch.hpp"
#include "tinytorch/array/array.hpp"

using namespace tt;

namespace {

Array counting(const Shape& shape) {
  const Array a = Array::empty(shape);
  for (index_t i = 0; i < a.size(); ++i) a.data<float>()[i] = static_cast<float>(i);
  return a;
}

std::vector<float> values(const Array& a) {
  const Array flat = a.contiguous();
  return {flat.data<float>(), flat.data<float>() + flat.size()};
}

}  // namespace

TEST_CASE("views share memory and see each other's changes") {
  const Array x = counting({2, 3});
  const Array t = x.transpose(0, 1);
  CHECK(t.shape() == Shape{3, 2});
  CHECK(values(t) == std::vector<float>{0, 3, 1, 4, 2, 5});
  t.select(0, 1).fill(9);
  CHECK(values(x) == std::vector<float>{0, 9, 2, 3, 9, 5});
  CHECK(t.storage().get() == x.storage().get());
  CHECK_FALSE(t.is_contiguous());
}

TEST_CASE("slices, flips and selections") {
  const Array x = counting({2, 5});
  CHECK(values(x.slice(1, 1, 2, 2)) == std::vector<float>{1, 3, 6, 8});
  CHECK(values(x.slice(1, 4, 5, -1)) == std::vector<float>{4, 3, 2, 1, 0, 9, 8, 7, 6, 5});
  CHECK(values(x.flip(0)) == std::vector<float>{5, 6, 7, 8, 9, 0, 1, 2, 3, 4});
  CHECK(values(x.flip(0).flip(0)) == values(x));
  CHECK(values(x.select(0, 1)) == std::vector<float>{5, 6, 7, 8, 9});
  CHECK(x.slice(1, 0, 0).size() == 0);
  CHECK(counting({0, 3}).flip(0).shape() == Shape{0, 3});
  CHECK(x.select(0, 1).select(0, 4).item() == 9);
}

TEST_CASE("permute, expand, squeeze") {
  const Array x = counting({2, 1, 3});
  CHECK(x.permute({2, 0, -2}).shape() == Shape{3, 2, 1});
  CHECK_THROWS_AS(x.permute({0, 1}), ShapeError);
  CHECK_THROWS_AS(x.permute({0, 1, 1}), ShapeError);
  CHECK_THROWS_AS(x.permute({0, 1, 3}), IndexError);
  CHECK(x.squeeze(1).shape() == Shape{2, 3});
  CHECK_THROWS_AS(x.squeeze(0), ShapeError);
  CHECK(x.unsqueeze(3).shape() == Shape{2, 1, 3, 1});
  const Array wide = x.expand({4, 2, 2, 3});
  CHECK(wide.storage().get() == x.storage().get());
  CHECK(values(wide.select(0, 3).select(1, 1)) == std::vector<float>{0, 1, 2, 3, 4, 5});
  CHECK_THROWS_AS(x.expand({2, 1, 4}), ShapeError);
  CHECK_THROWS_AS(x.expand({3}), ShapeError);
  CHECK_THROWS_AS(x.expand({-2, 1, 3}), ShapeError);
}

TEST_CASE("reshape views where it can and copies where it must") {
  const Array x = counting({2, 6});
  CHECK(x.reshape({3, -1}).storage().get() == x.storage().get());
  CHECK(x.reshape({3, -1}).shape() == Shape{3, 4});
  const Array copied = x.transpose(0, 1).reshape({12});
  CHECK(copied.storage().get() != x.storage().get());
  CHECK(values(copied)[1] == 6);
  CHECK_THROWS_WITH(x.reshape({5}), Catch::Contains("Total elements must match: 12 ≠ 5"));
  CHECK_THROWS_WITH(x.reshape({-1, -1}), Catch::Contains("one unknown dimension"));
  CHECK_THROWS_AS(x.reshape({-2, 6}), ShapeError);
  CHECK_THROWS_AS(x.reshape({0, -1}), ShapeError);
  CHECK(counting({0, 3}).reshape({3, 0}).size() == 0);
}

TEST_CASE("contiguity ignores sizes of 1 and empty arrays") {
  CHECK(counting({3, 1}).transpose(0, 1).is_contiguous());
  CHECK(counting({0, 3}).transpose(0, 1).is_contiguous());
  CHECK_FALSE(counting({2, 3}).transpose(0, 1).is_contiguous());
  CHECK_FALSE(counting({1}).expand({3}).is_contiguous());
}

TEST_CASE("items and values in bulk") {
  CHECK(Array::scalar(2.5, DType::bf16).item() == 2.5);
  CHECK_THROWS_AS(counting({2}).item(), ValueError);
  CHECK_THROWS_AS(Array::from<float>({1, 2}, {3}), ShapeError);
  CHECK(Array::full({2}, -3.0, DType::i8).select(0, 1).item() == -3);
}
