// Batch normalisation's parts on every instruction set, against float64 loops.
#include "kernels/kernel_support.hpp"
#include "tinytorch/kernels/batch_norm/reference.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

TEST_CASE("moments and sums of a plane follow float64 and stay in bounds") {
  for (Isa isa : isas(&Table::batch_norm)) {
    const BatchNormTable& t = table(isa).batch_norm;
    for (std::size_t n : sizes()) {
      if (n == 0) continue;
      INFO(name_of(isa) << " n = " << n);
      Guarded<float> x(normal(n, 31, 3.0f), 1), dy(normal(n, 32, 1.0f), 2);
      const std::vector<double> wx = widen(x.values()), wd = widen(dy.values());
      double mean = 0, squares = 0, sum = 0, product = 0, size = 0;
      reference::moments(wx.data(), n, &mean, &squares);
      reference::batch_norm_grad_sums(wd.data(), wx.data(), 0.5, n, &sum, &product);
      for (double v : wd) size += std::fabs(v);
      float m = 0, s = 0, a = 0, b = 0;
      t.moments(x.data(), n, &m, &s);
      t.grad_sums(dy.data(), x.data(), 0.5f, n, &a, &b);
      CHECK(std::fabs(m - mean) <= 64 * kEpsilon);
      CHECK(std::fabs(s - squares) <= 64 * kEpsilon * (1 + squares));
      CHECK(std::fabs(a - sum) <= 32 * kEpsilon * (1 + size));
      CHECK(std::fabs(b - product) <= 32 * kEpsilon * 12 * (1 + size));
      CHECK((x.intact() && dy.intact()));
    }
  }
}

TEST_CASE("a plane is scaled, and its gradient made, in one pass that may be in place") {
  for (Isa isa : isas(&Table::batch_norm)) {
    const BatchNormTable& t = table(isa).batch_norm;
    for (std::size_t n : sizes()) {
      INFO(name_of(isa) << " n = " << n);
      Guarded<float> x(normal(n, 33, 3.0f), 1), dy(normal(n, 34, 1.0f), 2), y(n, 3), dx(n, 1);
      const BatchNormGrad g{0.25f, 1.5f, -0.125f, 0.75f};
      t.apply(x.data(), 1.25f, -0.5f, y.data(), n);
      t.grad(dy.data(), x.data(), g, dx.data(), n);
      int wrong = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const double in = static_cast<double>(x.values()[i]),
                     up = static_cast<double>(dy.values()[i]);
        wrong += !close(y.values()[i], in * 1.25 - 0.5, 4, 8 * kEpsilon);
        wrong += !close(dx.values()[i], up * 1.5 - (in - 0.25) * 0.125 + 0.75, 4, 8 * kEpsilon);
      }
      CHECK(wrong == 0);
      std::vector<float> same = dy.values();
      t.grad(same.data(), x.data(), g, same.data(), n);
      CHECK(same_bits(same, dx.values()));
      CHECK((x.intact() && dy.intact() && y.intact() && dx.intact()));
    }
  }
}
