// Reductions over every subset of axes and several layouts, against plain loops in double.
#include <cmath>

#include "ops/plain_loops.hpp"
#include "support/catch.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/ops/reduce.hpp"

using namespace tt;
using namespace tt::test;
using ops::Reduce;

namespace {

// The values that are reduced into the result element `to` (shape with size 1 at reduced axes).
std::vector<double> group(const Array& x, std::uint32_t mask, const std::vector<index_t>& to) {
  std::vector<double> out;
  each_index(x.shape(), [&](const std::vector<index_t>& at) {
    bool mine = true;
    for (int d = 0; d < x.ndim(); ++d) {
      if (!(mask & (1u << d)))
        mine = mine && at[static_cast<std::size_t>(d)] == to[static_cast<std::size_t>(d)];
    }
    if (mine) out.push_back(element(x, at));
  });
  return out;
}

double plain(Reduce f, const std::vector<double>& v) {
  double r = f == Reduce::sum ? 0 : f == Reduce::prod ? 1 : v[0];
  for (double x : v) {
    if (f == Reduce::sum) r += x;
    if (f == Reduce::prod) r *= x;
    if (f == Reduce::max) r = std::max(r, x);
    if (f == Reduce::min) r = std::min(r, x);
  }
  return r;
}

ops::Axes axes_of(std::uint32_t mask, int ndim) {
  Dims axes;
  for (int d = 0; d < ndim; ++d) {
    if (mask & (1u << d)) axes.push_back(d % 2 ? d : d - ndim);
  }
  return axes;
}

}  // namespace

TEST_CASE("sum, prod, max, min over all subsets of axes, types and layouts") {
  const DType dtype = GENERATE(DType::f32, DType::f64, DType::i64, DType::i8);
  const Array values = random({3, 4, 5}, 3);
  const Array x = is_float(dtype) ? values.astype(dtype) : values.astype(DType::f32).astype(dtype);
  const double tolerance = dtype == DType::f32 ? 1e-5 : 1e-12;
  for (const Array& view : in_all_layouts(x)) {
    for (std::uint32_t mask = 0; mask < 8; ++mask) {
      for (Reduce f : {Reduce::sum, Reduce::prod, Reduce::max, Reduce::min}) {
        const Array kept = ops::reduce(f, view, axes_of(mask, 3), true);
        const Array dropped = ops::reduce(f, view, axes_of(mask, 3), false);
        int wrong = 0;
        each_index(kept.shape(), [&](const std::vector<index_t>& to) {
          const double want = plain(f, group(x, mask, to));
          wrong +=
              !(std::abs(element(kept, to) - want) <= tolerance * std::max(1.0, std::abs(want)));
        });
        CHECK(wrong == 0);
        CHECK(dropped.ndim() == 3 - static_cast<int>(std::popcount(mask)));
        CHECK(ops::reduce(f, kept.reshape(dropped.shape()), Dims{}, false).size() ==
              dropped.size());
      }
    }
  }
}

TEST_CASE("variance, logsumexp, mean and argmax against plain loops") {
  const Array x = random({4, 6, 3}, 5, DType::f64);
  for (std::uint32_t mask = 1; mask < 8; ++mask) {
    const auto axes = axes_of(mask, 3);
    const Array mean = ops::mean(x, axes, true), variance = ops::variance(x, axes, 1.0, true);
    const Array lse = ops::logsumexp(x, axes, true);
    each_index(mean.shape(), [&](const std::vector<index_t>& to) {
      const auto v = group(x, mask, to);
      const double n = static_cast<double>(v.size()), m = plain(Reduce::sum, v) / n;
      double squares = 0, exps = 0;
      for (double e : v) squares += (e - m) * (e - m), exps += std::exp(e);
      CHECK(element(mean, to) == Approx(m).margin(1e-12));
      CHECK(element(variance, to) == Approx(squares / (n - 1)));
      CHECK(element(lse, to) == Approx(std::log(exps)));
    });
  }
  const Array best = ops::argmax(x, 1, true);
  each_index(best.shape(), [&](const std::vector<index_t>& to) {
    const auto v = group(x, 2, to);
    const auto first = std::max_element(v.begin(), v.end()) - v.begin();
    CHECK(element(best, to) == static_cast<double>(first));
  });
}

TEST_CASE("reductions of nothing") {
  CHECK(ops::sum(Array::zeros({0, 3})).item() == 0);
  CHECK(ops::sum(Array::zeros({2, 0}), Dims{1}).shape() == Shape{2});
  CHECK(ops::reduce(Reduce::prod, Array::zeros({0}), {}, false).item() == 1);
  CHECK_THROWS_AS(ops::reduce(Reduce::max, Array::zeros({0, 3}), Dims{0}, false), ValueError);
  CHECK(ops::reduce(Reduce::max, Array::zeros({0, 3}), Dims{1}, false).shape() == Shape{0});
  CHECK_THROWS_AS(ops::argmax(Array::zeros({0}), 0, false), ValueError);
  CHECK(std::isnan(ops::mean(Array::zeros({0})).item()));
}

TEST_CASE("large reductions are bit-equal for any number of threads") {
  const Array x = random({513, 77, 9}, 8);
  const int before = num_threads();
  for (const auto& axes :
       {ops::Axes(), ops::Axes(Dims{0}), ops::Axes(Dims{1}), ops::Axes(Dims{0, 2})}) {
    set_num_threads(1);
    const Array one = ops::sum(x, axes), lse = ops::logsumexp(x, axes, false);
    for (int threads : {2, 3, 8}) {
      set_num_threads(threads);
      const Array many = ops::sum(x, axes), again = ops::logsumexp(x, axes, false);
      CHECK(std::equal(one.data<float>(), one.data<float>() + one.size(), many.data<float>()));
      CHECK(std::equal(lse.data<float>(), lse.data<float>() + lse.size(), again.data<float>()));
    }
  }
  set_num_threads(before);
}

TEST_CASE("undoing a broadcast sums what was repeated, and refuses what was not") {
  const Array x = Array::full({4, 2, 3}, 1.0);
  CHECK(ops::reduce_to_shape(x, {2, 3}).select(0, 0).select(0, 0).item() == 4);
  CHECK(ops::reduce_to_shape(x, {1, 3}).select(0, 0).select(0, 2).item() == 8);
  CHECK(ops::reduce_to_shape(x, {}).item() == 24);
  for (const Shape& wrong :
       {Shape{2}, Shape{4, 2, 2}, Shape{4, 2, 3, 1}, Shape{2, 4, 3}, Shape{0}}) {
    CHECK_THROWS_AS(ops::reduce_to_shape(x, wrong), ShapeError);
  }
}

TEST_CASE("rows cut in pieces: the value of plain loops, and the same bits for any thread count") {
  const int before = num_threads();
  const index_t n = (index_t{1} << 19) + 12345;
  const Array x = random({3, n}, 9);
  const Array f32 = x.astype(DType::f32);
  for (Reduce f : {Reduce::sum, Reduce::max, Reduce::min}) {
    set_num_threads(1);
    const Array one = ops::reduce(f, f32, Dims{1}, false);
    const Array all = ops::reduce(f, f32, {}, false);
    const Array alone = ops::reduce(f, f32.slice(0, 1, 1), {}, false);
    set_num_threads(3);
    const Array three = ops::reduce(f, f32, Dims{1}, false);
    CHECK(ops::reduce(f, f32, {}, false).item() == all.item());
    CHECK(alone.item() == one.slice(0, 1, 1).item());
    std::vector<double> rows;
    for (index_t r = 0; r < 3; ++r) {
      const float* row = f32.data<float>() + r * n;
      rows.push_back(plain(f, std::vector<double>(row, row + n)));
      CHECK(one.data<float>()[r] == three.data<float>()[r]);
      CHECK(std::fabs(one.data<float>()[r] - rows.back()) <= 1e-5 * std::fabs(rows.back()) + 1e-3);
    }
    CHECK(std::fabs(all.item() - plain(f, rows)) <= 1e-5 * std::fabs(plain(f, rows)) + 1e-3);
  }
  f32.data<float>()[n + 400000] = std::nanf("");
  for (Reduce f : {Reduce::sum, Reduce::prod, Reduce::max, Reduce::min}) {
    const Array y = ops::reduce(f, f32, Dims{1}, false);
    CHECK((std::isnan(y.data<float>()[1]) && !std::isnan(y.data<float>()[0])));
  }
  set_num_threads(before);
}
