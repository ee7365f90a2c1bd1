// Pooling by 2 x 2 windows on every instruction set, against the general loops in float64.
#include "kernels/kernel_support.hpp"
#include "tinytorch/kernels/pool/pool.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

// Two rows of few distinct values, with ties, infinities and NaN among them.
std::vector<float> two_rows(std::size_t width) {
  std::vector<float> v(2 * width);
  Generator g(82);
  for (float& x : v) {
    const auto pick = g.below(40);
    x = pick == 39 ? kNan : pick == 38 ? -kInf : static_cast<float>(pick % 7) - 3.0f;
  }
  return v;
}

Window2d window(std::size_t width) {
  Window2d w;
  w.height = 2, w.width = static_cast<std::int64_t>(width);
  w.kernel_h = w.kernel_w = w.stride_h = w.stride_w = 2;
  return w;
}

}  // namespace

TEST_CASE("2 x 2 pooling follows the general loops at every size and alignment") {
  for (Isa isa : isas(&Table::pool)) {
    const PoolTable& t = table(isa).pool;
    for (std::size_t n : sizes()) {
      if (n == 0) continue;
      INFO(name_of(isa) << " n = " << n);
      const std::size_t width = 2 * n + n % 2;  // an odd column is left out
      const Window2d w = window(width);
      Guarded<float> x(two_rows(width), n % 5), y(n, 1), mean(n, 2);
      const std::vector<double> wide = widen(x.values());
      Guarded<std::int32_t> argmax(n, 3);
      std::vector<double> exact(n);
      std::vector<std::int32_t> where(n);
      const auto columns = static_cast<std::int32_t>(width);
      t.max(x.data(), x.data() + width, 5, columns, y.data(), argmax.data(), n);
      max_pool(wide.data(), w, exact.data(), where.data());
      bool same = true;
      for (std::size_t i = 0; i < n; ++i) {
        const auto want = static_cast<float>(exact[i]);
        same &= same_values(&want, &y[i], 1) && argmax[i] == where[i] + 5;
      }
      CHECK(same);
      std::vector<float> alone(n);
      t.max(x.data(), x.data() + width, 5, columns, alone.data(), nullptr, n);
      CHECK(same_values(alone.data(), y.data(), n));
      t.average(x.data(), x.data() + width, mean.data(), n);
      avg_pool(wide.data(), w, exact.data());
      for (std::size_t i = 0; i < n; ++i) same &= close(mean[i], exact[i], 1, 1e-6);
      CHECK(same);
      CHECK((y.intact() && argmax.intact() && mean.intact()));
    }
  }
}

TEST_CASE("the gradient of 2 x 2 average pooling is added to each of the four") {
  for (Isa isa : isas(&Table::pool)) {
    for (std::size_t n : sizes()) {
      if (n == 0) continue;
      INFO(name_of(isa) << " n = " << n);
      const std::vector<float> dy = normal(n, 83), before = normal(4 * n, 84);
      Guarded<float> dx(before, 1);
      table(isa).pool.average_grad(dy.data(), dx.data(), dx.data() + 2 * n, n);
      bool same = dx.intact();
      for (std::size_t i = 0; i < 4 * n; ++i) {
        same &= dx[i] == before[i] + dy[i % (2 * n) / 2] * 0.25f;
      }
      CHECK(same);
    }
  }
}
