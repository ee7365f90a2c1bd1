// Attention in blocks of queries against plain loops in double, with any layout of the operands.
#include "tinytorch/ops/attention.hpp"

#include <cmath>
#include <cstring>
#include <vector>

#include "support/catch.hpp"
#include "tinytorch/base/rng.hpp"
#include "tinytorch/base/thread_pool.hpp"

using namespace tt;
using namespace tt::ops;

namespace {

constexpr index_t kWidth = 9, kValues = 40;  // values of more than one panel

Array random(const Shape& shape, std::uint64_t seed) {
  const Array a = Array::empty(shape);
  Generator g(seed);
  g.normal(a.data<float>(), a.size());
  return a;
}

// (1, heads, length, width) with the heads inside the positions.
Array inside(index_t heads, index_t length, index_t width, std::uint64_t seed) {
  return random({1, length, heads, width}, seed).transpose(1, 2);
}

struct Problem {
  Problem(index_t heads, index_t queries, index_t keys, bool causal)
      : q(inside(heads, queries, kWidth, 1)),
        k(random({1, heads, keys, kWidth}, 2)),
        v(inside(heads, keys, kValues, 3)),
        dy(random({1, heads, queries, kValues}, 4)) {
    options.causal = causal;
    options.scale = 0.4;
  }
  Array q, k, v, dy;
  AttentionOptions options;
};

double at(const Array& x, index_t head, index_t i, index_t d) {
  return static_cast<double>(
      x.data<float>()[head * x.strides()[1] + i * x.strides()[2] + d * x.strides()[3]]);
}

// Probabilities and their gradient of one query.
struct Row {
  Row(const Problem& p, index_t head, index_t i) {
    const index_t keys = p.k.shape(2);
    const index_t seen = p.options.causal ? keys - p.q.shape(2) + i + 1 : keys;
    double total = 0.0, mean = 0.0;
    for (index_t j = 0; j < seen; ++j) {
      double score = 0.0, up = 0.0;
      for (index_t d = 0; d < kWidth; ++d) score += at(p.q, head, i, d) * at(p.k, head, j, d);
      for (index_t d = 0; d < kValues; ++d) up += at(p.dy, head, i, d) * at(p.v, head, j, d);
      probability.push_back(std::exp(score * p.options.scale));
      slope.push_back(up);
      total += probability.back();
    }
    for (double& x : probability) x /= total;
    for (std::size_t j = 0; j < slope.size(); ++j) mean += probability[j] * slope[j];
    for (std::size_t j = 0; j < slope.size(); ++j) slope[j] = probability[j] * (slope[j] - mean);
  }
  std::vector<double> probability, slope;
};

double largest_error(const Problem& p, const Array& y, const AttentionGrads& g) {
  double worst = 0.0;
  const auto compare = [&](double got, double expected) {
    worst = std::max(worst, std::fabs(got - expected));
  };
  for (index_t h = 0; h < p.q.shape(1); ++h) {
    std::vector<double> dk(static_cast<std::size_t>(p.k.shape(2) * kWidth), 0.0);
    std::vector<double> dv(static_cast<std::size_t>(p.k.shape(2) * kValues), 0.0);
    for (index_t i = 0; i < p.q.shape(2); ++i) {
      const Row row(p, h, i);
      double out[kValues] = {}, dq[kWidth] = {};
      for (std::size_t j = 0; j < row.slope.size(); ++j) {
        const auto key = static_cast<index_t>(j);
        for (index_t d = 0; d < kValues; ++d) {
          out[d] += row.probability[j] * at(p.v, h, key, d);
          dv[j * kValues + static_cast<std::size_t>(d)] += row.probability[j] * at(p.dy, h, i, d);
        }
        for (index_t d = 0; d < kWidth; ++d) {
          dq[d] += p.options.scale * row.slope[j] * at(p.k, h, key, d);
          dk[j * kWidth + static_cast<std::size_t>(d)] +=
              p.options.scale * row.slope[j] * at(p.q, h, i, d);
        }
      }
      for (index_t d = 0; d < kValues; ++d) compare(at(y, h, i, d), out[d]);
      for (index_t d = 0; d < kWidth; ++d) compare(at(g.dq, h, i, d), dq[d]);
    }
    for (index_t j = 0; j < p.k.shape(2); ++j) {
      for (index_t d = 0; d < kValues; ++d)
        compare(at(g.dv, h, j, d), dv[static_cast<std::size_t>(j * kValues + d)]);
      for (index_t d = 0; d < kWidth; ++d)
        compare(at(g.dk, h, j, d), dk[static_cast<std::size_t>(j * kWidth + d)]);
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("attention and its gradients follow plain loops over block borders") {
  for (const bool causal : {false, true}) {
    for (const auto& [queries, keys] : std::vector<std::pair<index_t, index_t>>{
             {1, 1}, {1, 7}, {5, 5}, {127, 130}, {128, 128}, {129, 129}, {300, 301}, {460, 470}}) {
      CAPTURE(causal, queries, keys);
      const Problem p(2, queries, keys, causal);
      REQUIRE(attention_fits(p.q, p.k, p.v, causal));
      const Array y = attention(p.q, p.k, p.v, p.options);
      CHECK(largest_error(p, y, attention_grad(p.dy, p.q, p.k, p.v, p.options)) < 2e-4);
    }
  }
}

TEST_CASE("attention does not depend on threads, and leaves what it cannot do") {
  const Problem p(3, 150, 150, true);
  const int before = num_threads();
  Array y[2];
  AttentionGrads g[2];
  for (int i = 0; i < 2; ++i) {
    set_num_threads(1 + 2 * i);
    y[i] = attention(p.q, p.k, p.v, p.options).contiguous();
    g[i] = attention_grad(p.dy, p.q, p.k, p.v, p.options);
  }
  set_num_threads(before);
  const auto equal = [](const Array& a, const Array& b) {
    return std::memcmp(a.contiguous().raw(), b.contiguous().raw(), a.nbytes()) == 0;
  };
  CHECK((equal(y[0], y[1]) && equal(g[0].dq, g[1].dq) && equal(g[0].dk, g[1].dk) &&
         equal(g[0].dv, g[1].dv)));
  const Problem wide(1, 6, 4, true);  // the first queries would see nothing
  CHECK_FALSE(attention_fits(wide.q, wide.k, wide.v, true));
  CHECK(attention_fits(wide.q, wide.k, wide.v, false));
  CHECK_FALSE(attention_fits(p.q.astype(DType::f64), p.k, p.v, false));
  CHECK_FALSE(attention_fits(p.q, wide.k, wide.v, false));
}
