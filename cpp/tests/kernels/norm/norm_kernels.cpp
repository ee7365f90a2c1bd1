// Layer norm and RMS norm, forward and backward, on every instruction set, against float64 loops.
#include "kernels/kernel_support.hpp"
#include "tinytorch/kernels/norm/reference.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

bool all_close(const std::vector<float>& y, const std::vector<double>& exact, double relative) {
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (!(std::fabs(y[i] - exact[i]) <= relative * (1 + std::fabs(exact[i])))) {
      UNSCOPED_INFO("[" << i << "] " << y[i] << ", not " << exact[i]);
      return false;
    }
  }
  return true;
}

struct Row {
  explicit Row(std::size_t count)
      : n(count),
        x(normal(n, 31, 2.0f)),
        dy(normal(n, 32)),
        gamma(normal(n, 33)),
        beta(normal(n, 34)),
        wx(widen(x)),
        wdy(widen(dy)),
        wgamma(widen(gamma)),
        wbeta(widen(beta)) {
    for (std::size_t i = 0; i < n; ++i) wx[i] = x[i] += 1.0f;
  }
  std::size_t n;
  std::vector<float> x, dy, gamma, beta;
  std::vector<double> wx, wdy, wgamma, wbeta;
};

void check_layer_norm(const NormTable& t, const Row& r, bool affine) {
  const std::size_t n = r.n;
  const float eps = 1e-5f;
  Guarded<float> x(r.x, 1), y(n, 2), dx(n, 3), dgamma(n, 1), dbeta(n, 2);
  for (std::size_t i = 0; i < n; ++i) dgamma[i] = dbeta[i] = 0.5f;
  float mean = 0, rstd = 0;
  t.layer_norm(x.data(), affine ? r.gamma.data() : nullptr, affine ? r.beta.data() : nullptr, eps,
               y.data(), n, &mean, &rstd);
  std::vector<double> exact(n), gamma_sum(n, 0.5), beta_sum(n, 0.5);
  double wide_mean = 0, wide_rstd = 0;
  reference::layer_norm<double>(r.wx.data(), affine ? r.wgamma.data() : nullptr,
                                affine ? r.wbeta.data() : nullptr, eps, exact.data(), n, &wide_mean,
                                &wide_rstd);
  // A row of one element has variance 0 and rstd 1 / sqrt(eps): its rounding counts 316 times.
  const double tolerance = 20 * kEpsilon;
  CHECK(std::fabs(mean - wide_mean) <= 4 * kEpsilon * (1 + std::fabs(wide_mean)));
  CHECK(std::fabs(rstd / wide_rstd - 1) <= tolerance);
  CHECK(all_close(y.values(), exact, tolerance));
  t.layer_norm_grad(r.dy.data(), x.data(), affine ? r.gamma.data() : nullptr, mean, rstd, dx.data(),
                    affine ? dgamma.data() : nullptr, affine ? dbeta.data() : nullptr, n);
  reference::layer_norm_grad<double>(r.wdy.data(), r.wx.data(), affine ? r.wgamma.data() : nullptr,
                                     mean, rstd, exact.data(), affine ? gamma_sum.data() : nullptr,
                                     affine ? beta_sum.data() : nullptr, n);
  CHECK(all_close(dx.values(), exact, tolerance * (1 + wide_rstd)));
  CHECK(all_close(dgamma.values(), gamma_sum, tolerance * (1 + wide_rstd)));
  CHECK(all_close(dbeta.values(), beta_sum, tolerance));
  CHECK((x.intact() && y.intact() && dx.intact() && dgamma.intact() && dbeta.intact()));
  std::vector<float> same = r.x;
  t.layer_norm(same.data(), affine ? r.gamma.data() : nullptr, affine ? r.beta.data() : nullptr,
               eps, same.data(), n, &mean, &rstd);
  CHECK(same_bits(same, y.values()));
}

void check_rms_norm(const NormTable& t, const Row& r, bool affine) {
  const std::size_t n = r.n;
  const float eps = 1e-6f;
  Guarded<float> y(n, 2), dx(r.dy, 3), dgamma(n, 1);
  for (std::size_t i = 0; i < n; ++i) dgamma[i] = 0.5f;
  float rstd = 0;
  double wide_rstd = 0;
  std::vector<double> exact(n), gamma_sum(n, 0.5);
  t.rms_norm(r.x.data(), affine ? r.gamma.data() : nullptr, eps, y.data(), n, &rstd);
  reference::rms_norm<double>(r.wx.data(), affine ? r.wgamma.data() : nullptr, eps, exact.data(), n,
                              &wide_rstd);
  const double tolerance = 20 * kEpsilon;
  CHECK(std::fabs(rstd / wide_rstd - 1) <= tolerance);
  CHECK(all_close(y.values(), exact, tolerance));
  t.rms_norm_grad(dx.data(), r.x.data(), affine ? r.gamma.data() : nullptr, rstd, dx.data(),
                  affine ? dgamma.data() : nullptr, n);
  reference::rms_norm_grad<double>(r.wdy.data(), r.wx.data(), affine ? r.wgamma.data() : nullptr,
                                   rstd, exact.data(), affine ? gamma_sum.data() : nullptr, n);
  CHECK(all_close(dx.values(), exact, tolerance * (1 + wide_rstd)));
  CHECK(all_close(dgamma.values(), gamma_sum, tolerance * (1 + wide_rstd)));
  CHECK((y.intact() && dx.intact() && dgamma.intact()));
}

}  // namespace

TEST_CASE("norms follow float64 at every size, with and without scale") {
  for (Isa isa : isas(&Table::norm)) {
    for (std::size_t n : sizes()) {
      if (n == 0) continue;
      const Row row(n);
      for (bool affine : {false, true}) {
        INFO(name_of(isa) << " n = " << n << (affine ? " affine" : ""));
        check_layer_norm(table(isa).norm, row, affine);
        check_rms_norm(table(isa).norm, row, affine);
      }
    }
  }
}

TEST_CASE("layer norm of a constant row gives beta, of a large offset stays accurate") {
  for (Isa isa : isas(&Table::norm)) {
    INFO(name_of(isa));
    std::vector<float> x(100, 3.0f), y(100), beta(100, 0.75f);
    float mean = 0, rstd = 0;
    table(isa).norm.layer_norm(x.data(), nullptr, beta.data(), 1e-5f, y.data(), 100, &mean, &rstd);
    CHECK(y == beta);
    CHECK(mean == 3.0f);
    for (std::size_t i = 0; i < 100; ++i) x[i] = 4096.0f + (i % 2 == 0 ? 1.0f : -1.0f);
    table(isa).norm.layer_norm(x.data(), nullptr, nullptr, 0.0f, y.data(), 100, &mean, &rstd);
    for (std::size_t i = 0; i < 100; ++i) CHECK(y[i] == Approx(i % 2 == 0 ? 1.0 : -1.0));
  }
}
