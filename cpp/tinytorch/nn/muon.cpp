#include "tinytorch/nn/muon.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "tinytorch/base/cpu.hpp"
#include "tinytorch/base/thread_pool.hpp"

namespace tt::nn {
namespace {

constexpr index_t kGrain = 1 << 15;
// x becomes (a + b x x' + c (x x')^2) x: a quintic that lifts small singular values fast.
constexpr float kA = 3.4445f, kB = -4.7750f, kC = 2.0315f;
constexpr double kEps = 1e-7;

// In blocks whose sums are added up in order: the same bits by any number of threads.
double norm(const float* x, index_t n) {
  constexpr index_t kBlock = 1 << 12, kLanes = 8;
  std::vector<double> sums(static_cast<std::size_t>((n + kBlock - 1) / kBlock));
  parallel_for(static_cast<index_t>(sums.size()), kGrain / kBlock, [&](index_t begin, index_t end) {
    for (index_t block = begin; block < end; ++block) {
      std::array<double, kLanes> lanes{};
      const index_t last = std::min(n, (block + 1) * kBlock);
      index_t i = block * kBlock;
      for (; i + kLanes <= last; i += kLanes) {
        for (index_t k = 0; k < kLanes; ++k) {
          const auto value = static_cast<double>(x[i + k]);
          lanes[static_cast<std::size_t>(k)] += value * value;
        }
      }
      for (; i < last; ++i) lanes[0] += static_cast<double>(x[i]) * x[i];
      sums[static_cast<std::size_t>(block)] = std::accumulate(lanes.begin(), lanes.end(), 0.0);
    }
  });
  return std::sqrt(std::accumulate(sums.begin(), sums.end(), 0.0));
}

// a I + b s + c s^2, in place of s^2.
void polynomial(const Array& s, const Array& square) {
  const index_t n = s.shape(0);
  const float* p = s.data<float>();
  float* q = square.data<float>();
  parallel_for(n, std::max<index_t>(1, kGrain / n), [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
      for (index_t j = i * n; j < (i + 1) * n; ++j) q[j] = kC * q[j] + kB * p[j];
      q[i * n + i] += kA;
    }
  });
}

double scale_of(MuonScale scale, index_t rows, index_t columns) {
  const auto m = static_cast<double>(rows), n = static_cast<double>(columns);
  if (scale == MuonScale::original) return std::sqrt(std::max(1.0, m / n));
  return 0.2 * std::sqrt(std::max(m, n));
}

// What scales w to the norm sqrt(rows); 1 for zeros, which have no direction.
double to_unit_norm(const float* w, index_t rows, index_t columns) {
  const double now = norm(w, rows * columns);
  return now > 0.0 ? std::sqrt(static_cast<double>(rows)) / now : 1.0;
}

// The iteration, from g * factor.
Array iterated(const Array& g, double factor, int steps, ops::Products products) {
  if (g.size() == 0) return g;
  const bool tall = g.shape(0) > g.shape(1);
  Array x = (tall ? g.transpose(0, 1) : g).copy();
  float* at = x.data<float>();
  parallel_for(x.size(), kGrain, [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) at[i] *= static_cast<float>(factor);
  });
  for (int step = 0; step < steps; ++step) {
    const Array s = ops::matmul(x, x.transpose(0, 1), products);
    const Array p = ops::matmul(s, s, products);
    polynomial(s, p);
    x = ops::matmul(p, x, products);
  }
  return tall ? x.transpose(0, 1).contiguous() : x;
}

}  // namespace

Array orthogonalized(const Array& g, int steps, ops::Products products, const TiedMatrix* tied) {
  const double factor = 1.0 / std::max(norm(g.data<float>(), g.size()), kEps);
  if (tied == nullptr) return iterated(g, factor, steps, products);
  const auto [even, odd] = tied->split(g);
  return tied->joined(
      {iterated(even, factor, steps, products), iterated(odd, factor, steps, products)});
}

void muon_step(float* w, const float* g, float* v, index_t rows, index_t columns,
               const MuonOptions& options, ops::Products products, const TiedMatrix* tied) {
  const index_t n = rows * columns;
  if (n == 0) return;
  const Array direction = Array::empty({rows, columns});
  float* u = direction.data<float>();
  const auto keep = static_cast<float>(options.momentum), take = 1.0f - keep;
  parallel_for(n, kGrain, [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
      v[i] = keep * v[i] + take * g[i];
      u[i] = options.nesterov ? keep * v[i] + take * g[i] : v[i];
    }
  });
  const Array step = orthogonalized(direction, options.steps, products, tied);
  const float* d = step.data<float>();
  const double kept = 1.0 - options.lr * options.weight_decay;
  const auto shrink =
      static_cast<float>(options.unit_norm ? kept * to_unit_norm(w, rows, columns) : kept);
  const auto rate = static_cast<float>(options.lr * scale_of(options.scale, rows, columns));
  parallel_for(n, kGrain, [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) w[i] = shrink * w[i] - rate * d[i];
  });
}

ops::Products muon_products() {
  const Isa isa = active_isa();
  const bool fast = isa == Isa::amx || isa == Isa::avx512_bf16;
  return fast ? ops::Products::bf16 : ops::Products::full;
}

}  // namespace tt::nn
