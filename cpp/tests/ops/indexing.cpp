// Indexing of arrays: keys of every kind against the definition, gradients and assignment by it.
#include <limits>

#include "ops/plain_loops.hpp"
#include "support/catch.hpp"
#include "tinytorch/ops/index.hpp"
#include "tinytorch/ops/reduce.hpp"

using namespace tt;
using namespace tt::test;
using ops::Ellipsis;
using ops::IndexKey;
using ops::NewAxis;
using ops::Slice;

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
Array indices(std::vector<index_t> v) {
  const auto n = static_cast<index_t>(v.size());
  return Array::from<std::int64_t>(v, {n});
}

}  // namespace

TEST_CASE("slices select what Python's do, for all bounds and steps around a small size") {
  int wrong = 0;
  for (index_t n = 0; n < 5; ++n) {
    const Array x = counting({n});
    for (index_t start = -n - 2; start <= n + 3; ++start) {
      for (index_t stop = -n - 2; stop <= n + 3; ++stop) {
        for (index_t step : {-7, -2, -1, 1, 2, 7}) {
          Slice s;
          s.step = step;
          if (start != n + 3) s.start = start;
          if (stop != n + 3) s.stop = stop;
          // Python's definition: clip the bounds, then walk.
          const index_t low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
          const auto clip = [&](index_t v) { return std::clamp(v < 0 ? v + n : v, low, high); };
          const index_t first = s.start ? clip(*s.start) : (step > 0 ? 0 : n - 1);
          const index_t last = s.stop ? clip(*s.stop) : (step > 0 ? n : -1);
          std::vector<float> want;
          for (index_t i = first; step > 0 ? i < last : i > last; i += step) {
            want.push_back(static_cast<float>(i));
          }
          wrong += values(ops::index(x, {s})) != want;
        }
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("steps of any size do not overflow") {
  const index_t most = std::numeric_limits<index_t>::max(),
                least = std::numeric_limits<index_t>::min();
  const Array x = counting({4});
  for (index_t step : {most, most - 1, least, least + 1}) {
    CHECK(ops::index(x, {Slice{{}, {}, step}}).size() == 1);
  }
  CHECK(ops::index(x, {Slice{least, most, 1}}).size() == 4);
  CHECK_THROWS_AS(ops::index(x, {Slice{{}, {}, 0}}), ValueError);
}

TEST_CASE("integers, new axes, ellipsis") {
  const Array x = counting({2, 3, 4});
  CHECK(ops::index(x, {index_t{1}, NewAxis{}, Ellipsis{}, index_t{-1}}).shape() == Shape{1, 3});
  CHECK(values(ops::index(x, {index_t{1}, Ellipsis{}, index_t{-1}})) ==
        std::vector<float>{15, 19, 23});
  CHECK(ops::index(x, {}).shape() == x.shape());
  CHECK_THROWS_AS(ops::index(x, {index_t{2}}), IndexError);
  CHECK_THROWS_AS(ops::index(x, {index_t{-3}}), IndexError);
  CHECK_THROWS_AS(ops::index(x, {Ellipsis{}, Ellipsis{}}), IndexError);
  CHECK_THROWS_AS(ops::index(x, IndexKey(4, index_t{0})), IndexError);
}

TEST_CASE("index arrays: where their dimensions go, and what they pick") {
  const Array x = counting({2, 3, 4});
  const Array a = indices({1, 0, 1}), b = indices({0, -1, 2});
  CHECK(ops::index(x, {a}).shape() == Shape{3, 3, 4});
  CHECK(ops::index(x, {a, b}).shape() == Shape{3, 4});
  CHECK(ops::index(x, {Slice{}, b, b}).shape() == Shape{2, 3});
  CHECK(ops::index(x, {a, Slice{}, b}).shape() == Shape{3, 3});  // apart: first
  CHECK(ops::index(x, {index_t{0}, Slice{}, b}).shape() ==
        Shape{3, 3});  // an integer counts as one
  CHECK(ops::index(x, {NewAxis{}, Slice{}, b}).shape() == Shape{1, 2, 3, 4});
  const Array picked = ops::index(x, {a, b, indices({3, 3, 3})});
  CHECK(values(picked) == std::vector<float>{15, 11, 23});
  CHECK_THROWS_AS(ops::index(x, {indices({2})}), IndexError);
  CHECK_THROWS_AS(ops::index(x, {a, indices({0, 1})}), IndexError);
  CHECK(ops::index(x, {indices({})}).shape() == Shape{0, 3, 4});
  CHECK_THROWS_AS(ops::index(Array::zeros({0, 2}), {indices({0})}), IndexError);
}

TEST_CASE("boolean arrays") {
  const Array x = counting({2, 3});
  const Array mask = ops::index(x, {}).astype(DType::boolean);  // all but the first element
  CHECK(values(ops::index(x, {mask})) == std::vector<float>{1, 2, 3, 4, 5});
  const Array rows = Array::from<std::int64_t>({0, 1}, {2}).astype(DType::boolean);
  CHECK(values(ops::index(x, {rows})) == std::vector<float>{3, 4, 5});
  CHECK(ops::index(x, {Array::scalar(1, DType::boolean)}).shape() == Shape{1, 2, 3});
  CHECK(ops::index(x, {Array::scalar(0, DType::boolean)}).shape() == Shape{0, 2, 3});
  CHECK_THROWS_AS(ops::index(x, {Array::zeros({3}, DType::boolean)}), IndexError);
}

TEST_CASE("the gradient of indexing is the adjoint of indexing") {
  const Array x = counting({3, 4, 5});
  const IndexKey keys[] = {
      {index_t{1}},
      {Slice{{}, {}, -2}, NewAxis{}, index_t{2}},
      {indices({0, 2, 0, 0})},
      {Slice{}, indices({3, 3}), Slice{4, {}, -1}},
      {indices({1, 1}), Slice{}, indices({0, 4})},
      {x.astype(DType::boolean)},
  };
  for (const IndexKey& key : keys) {
    // <index(x), g> = <x, index_grad(g)> for all g: here for one random g.
    const Array y = ops::index(x, key);
    const Array g = random(y.shape(), 4, DType::f64), wide = x.astype(DType::f64);
    const Array dx = ops::index_grad(g, x.shape(), key);
    double left = 0, right = 0;
    each_index(y.shape(), [&](const auto& at) { left += element(y, at) * element(g, at); });
    each_index(x.shape(), [&](const auto& at) { right += element(wide, at) * element(dx, at); });
    CHECK(left == Approx(right));
  }
}

TEST_CASE("assignment writes what indexing reads, and raises the version") {
  const Array x = counting({3, 4});
  const auto version = x.storage()->version();
  const IndexKey key{Slice{{}, {}, -1}, indices({3, 1})};
  const Array value = random({3, 2}, 2);
  ops::index_assign(x, key, value);
  CHECK(values(ops::index(x, key)) == values(value));
  CHECK(x.storage()->version() != version);
  ops::index_assign(x, {indices({0, 0})},
                    Array::from<float>({1, 2}, {2, 1}));  // the last one stays
  CHECK(values(ops::index(x, {index_t{0}})) == std::vector<float>{2, 2, 2, 2});
  CHECK_THROWS_AS(ops::index_assign(x, {indices({0})}, Array::zeros({3})), ShapeError);
}

TEST_CASE("indices that travel as floats are truncated, and must be finite") {
  CHECK(ops::as_indices(Array::from<float>({1.9f, -1.9f}, {2})).select(0, 1).item() == -1);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(ops::as_indices(Array::from<float>({nan}, {1})), IndexError);
  CHECK_THROWS_AS(
      ops::as_indices(Array::from<float>({std::numeric_limits<float>::infinity()}, {1})),
      IndexError);
}
