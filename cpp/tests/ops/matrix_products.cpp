// matmul and linear over all combinations of vectors, matrices and batches, against plain loops.
#include "ops/plain_loops.hpp"
#include "support/catch.hpp"
#include "tinytorch/ops/matmul.hpp"
#include "tinytorch/ops/reduce.hpp"

using namespace tt;
using namespace tt::test;

namespace {

// a (..., m, k) times b (..., k, n), batches broadcast, one element at a time.
Array plain(const Array& a, const Array& b) {
  const Array x = a.ndim() == 1 ? a.unsqueeze(0) : a, y = b.ndim() == 1 ? b.unsqueeze(1) : b;
  const Shape batch = broadcast_shapes(Shape(x.shape().begin(), x.shape().end() - 2),
                                       Shape(y.shape().begin(), y.shape().end() - 2));
  const index_t m = x.shape(x.ndim() - 2), k = x.shape().back(), n = y.shape().back();
  const auto widened = [&](const Array& v) {
    Shape s = batch;
    s.push_back(v.shape(v.ndim() - 2));
    s.push_back(v.shape().back());
    return v.expand(s);
  };
  const Array wx = widened(x), wy = widened(y);
  Shape shape = batch;
  shape.push_back(m);
  shape.push_back(n);
  const Array out = Array::zeros(shape, DType::f64);
  double* o = out.data<double>();
  each_index(shape, [&](std::vector<index_t> at) {
    const index_t i = at[at.size() - 2], j = at.back();
    double sum = 0;
    for (index_t p = 0; p < k; ++p) {
      at[at.size() - 2] = i, at.back() = p;
      const double u = element(wx, at);
      at[at.size() - 2] = p, at.back() = j;
      sum += u * element(wy, at);
    }
    *o++ = sum;
  });
  Array result = out;
  if (b.ndim() == 1) result = result.squeeze(result.ndim() - 1);
  if (a.ndim() == 1) result = result.squeeze(result.ndim() - (b.ndim() == 1 ? 1 : 2));
  return result;
}

void check_close(const Array& got, const Array& want, double tolerance) {
  REQUIRE(got.shape() == want.shape());
  int wrong = 0;
  each_index(want.shape(), [&](const auto& at) {
    wrong += !(std::abs(element(got, at) - element(want, at)) <= tolerance);
  });
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("matmul takes vectors, matrices and broadcast batches in any layout") {
  const std::pair<Shape, Shape> shapes[] = {{{3}, {3}},
                                            {{2, 3}, {3}},
                                            {{3}, {3, 2}},
                                            {{2, 3}, {3, 4}},
                                            {{2, 2, 3}, {3, 4}},
                                            {{3}, {5, 3, 2}},
                                            {{5, 2, 3}, {3}},
                                            {{2, 3}, {5, 3, 4}},
                                            {{5, 2, 3}, {5, 3, 4}},
                                            {{2, 1, 4, 3}, {5, 3, 2}},
                                            {{0, 3}, {3, 2}},
                                            {{2, 0}, {0, 3}},
                                            {{2, 3}, {3, 0}},
                                            {{0, 2, 3}, {3, 4}},
                                            {{1, 1}, {1, 1}},
                                            {{70, 65}, {65, 33}},
                                            {{3, 40, 50}, {3, 50, 20}}};
  for (const auto& [sa, sb] : shapes) {
    for (const DType type : {DType::f32, DType::f64}) {
      const Array a = random(sa, 1, type), b = random(sb, 2, type);
      const Array want = plain(a, b);
      for (const Array& va : in_all_layouts(a)) {
        for (const Array& vb : in_all_layouts(b)) {
          check_close(ops::matmul(va, vb), want, type == DType::f32 ? 1e-4 : 1e-12);
        }
      }
    }
  }
}

TEST_CASE("linear adds its bias to every row") {
  const Array x = random({2, 3, 5}, 1), w = random({5, 4}, 2), bias = random({4}, 3);
  const Array got = ops::linear(x, w, bias), want = plain(x, w);
  each_index(want.shape(), [&](const auto& at) {
    CHECK(element(got, at) == Approx(element(want, at) + element(bias, {at.back()})).margin(1e-5));
  });
  CHECK_THROWS_AS(ops::linear(x, w, random({5}, 3)), ShapeError);
  CHECK_THROWS_AS(ops::linear(x, random({4, 4}, 2), Array()), ShapeError);
}

TEST_CASE("matmul refuses shapes that do not fit, in the words that callers know") {
  CHECK_THROWS_WITH(ops::matmul(random({2, 3}), random({2, 3})),
                    Catch::Contains("Inner dimensions must match: 3 ≠ 2"));
  CHECK_THROWS_WITH(ops::matmul(random({2, 2, 3}), random({3, 3, 2})),
                    Catch::Contains("broadcast"));
  CHECK_THROWS_AS(ops::matmul(Array::scalar(1), random({2})), ShapeError);
}

TEST_CASE("gradients of matmul are adjoints") {
  const std::pair<Shape, Shape> shapes[] = {
      {{3}, {3}},       {{2, 3}, {3}},       {{3}, {3, 2}},
      {{2, 3}, {3, 4}}, {{5, 2, 3}, {3, 4}}, {{2, 3}, {5, 3, 4}},
      {{3}, {5, 3, 2}}, {{5, 2, 3}, {3}},    {{2, 1, 2, 3}, {4, 3, 2}}};
  for (const auto& [sa, sb] : shapes) {
    const Array a = random(sa, 1, DType::f64), b = random(sb, 2, DType::f64);
    const Array y = ops::matmul(a, b), g = random(y.shape(), 3, DType::f64);
    const auto dot = [](const Array& u, const Array& v) {
      double total = 0;
      each_index(u.shape(), [&](const auto& at) { total += element(u, at) * element(v, at); });
      return total;
    };
    // <a b, g> = <a, da> = <b, db>
    CHECK(dot(a, ops::reduce_to_shape(ops::matmul_grad_a(g, a, b), sa)) == Approx(dot(y, g)));
    CHECK(dot(b, ops::reduce_to_shape(ops::matmul_grad_b(g, a, b), sb)) == Approx(dot(y, g)));
  }
}
