// Softmax and its relatives on every instruction set, against float64 loops.
#include <algorithm>

#include "kernels/kernel_support.hpp"
#include "tinytorch/kernels/softmax/reference.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

std::vector<std::size_t> row_lengths() {
  std::vector<std::size_t> all = sizes();
  all.erase(all.begin());  // a row has at least one element
  all.push_back(50257);
  return all;
}

bool all_close(const std::vector<float>& y, const std::vector<double>& exact, double ulps,
               double absolute) {
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (!close(y[i], exact[i], ulps, absolute)) {
      UNSCOPED_INFO("[" << i << "] " << y[i] << ", not " << exact[i]);
      return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("softmax and log-softmax follow float64 and stay in bounds") {
  for (Isa isa : isas(&Table::softmax)) {
    const SoftmaxTable& t = table(isa).softmax;
    for (std::size_t n : row_lengths()) {
      INFO(name_of(isa) << " n = " << n);
      Guarded<float> x(normal(n, 21, 5.0f), 1), y(n, 3), z(n, 2);
      const std::vector<double> wide = widen(x.values());
      std::vector<double> exact(n);
      // x - max is rounded once: up to half a unit of |x - max| <= 64 in the exponent.
      const double slack = 32 * kEpsilon;
      t.softmax(x.data(), y.data(), n);
      reference::softmax(wide.data(), exact.data(), n);
      std::vector<double> relative = exact;
      const double largest = *std::max_element(exact.begin(), exact.end());
      CHECK(all_close(y.values(), exact, 64, slack * largest * 1e-3));
      t.log_softmax(x.data(), z.data(), n);
      reference::log_softmax(wide.data(), exact.data(), n);
      CHECK(all_close(z.values(), exact, 4, 4 * kEpsilon));
      const double total = reference::logsumexp(wide.data(), n);
      CHECK(std::fabs(t.logsumexp(x.data(), n) - total) <= 4 * kEpsilon * (1 + std::fabs(total)));
      CHECK((x.intact() && y.intact() && z.intact()));
      std::vector<float> same = x.values();
      t.softmax(same.data(), same.data(), n);
      CHECK(same_bits(same, y.values()));
      double sum = 0;
      for (float v : same) sum += v;
      CHECK(std::fabs(sum - 1) <= 8 * kEpsilon);
    }
  }
}

TEST_CASE("softmax gradients follow float64") {
  for (Isa isa : isas(&Table::softmax)) {
    const SoftmaxTable& t = table(isa).softmax;
    for (std::size_t n : row_lengths()) {
      INFO(name_of(isa) << " n = " << n);
      const std::vector<float> dy = normal(n, 22), x = normal(n, 23, 3.0f);
      std::vector<float> y(n), log_y(n), dx = dy;
      t.softmax(x.data(), y.data(), n);
      t.log_softmax(x.data(), log_y.data(), n);
      const std::vector<double> wide_dy = widen(dy);
      std::vector<double> exact(n), wide = widen(y);
      t.softmax_grad(dx.data(), y.data(), dx.data(), n);
      reference::softmax_grad(wide_dy.data(), wide.data(), exact.data(), n);
      CHECK(all_close(dx, exact, 4, 4 * kEpsilon));
      Guarded<float> out(n, 1);
      t.log_softmax_grad(dy.data(), log_y.data(), out.data(), n);
      wide = widen(log_y);
      reference::log_softmax_grad(wide_dy.data(), wide.data(), exact.data(), n);
      CHECK(all_close(out.values(), exact, 4, 8 * kEpsilon * std::sqrt(static_cast<double>(n))));
      CHECK(out.intact());
    }
  }
}

TEST_CASE("the normalizer and the gradient of cross entropy follow float64") {
  for (Isa isa : isas(&Table::softmax)) {
    const SoftmaxTable& t = table(isa).softmax;
    for (std::size_t n : row_lengths()) {
      INFO(name_of(isa) << " n = " << n);
      const std::vector<float> x = normal(n, 24, 3.0f);
      const std::vector<double> wide = widen(x);
      float top = 0, log_total = 0;
      double wide_top = 0, wide_log_total = 0;
      t.normalizer(x.data(), n, &top, &log_total);
      reference::normalizer(wide.data(), n, &wide_top, &wide_log_total);
      CHECK(top == wide_top);
      CHECK(std::fabs(log_total - wide_log_total) <= 4 * kEpsilon * (1 + wide_log_total));
      Guarded<float> dx(n, 1);
      std::vector<double> exact(n);
      t.cross_entropy_grad(x.data(), top, log_total, 0.01f, 0.5f, dx.data(), n);
      reference::cross_entropy_grad<double>(wide.data(), top, log_total, 0.01f, 0.5f, exact.data(),
                                            n);
      CHECK(all_close(dx.values(), exact, 8, 16 * kEpsilon));
      CHECK(dx.intact());
    }
  }
}

TEST_CASE("softmax at the edges: infinities, NaN, large values, one element") {
  for (Isa isa : isas(&Table::softmax)) {
    INFO(name_of(isa));
    const SoftmaxTable& t = table(isa).softmax;
    std::vector<float> y(3);
    const std::vector<float> masked = {1.0f, -kInf, 1.0f}, none = {-kInf, -kInf, -kInf};
    t.softmax(masked.data(), y.data(), 3);
    CHECK(y == std::vector<float>{0.5f, 0.0f, 0.5f});
    t.softmax(none.data(), y.data(), 3);
    CHECK((std::isnan(y[0]) && std::isnan(y[2])));
    CHECK(t.logsumexp(none.data(), 3) == -kInf);
    const std::vector<float> infinite = {0.0f, kInf, 1.0f}, nan = {0.0f, kNan, 1.0f};
    CHECK(t.logsumexp(infinite.data(), 3) == kInf);
    CHECK(std::isnan(t.logsumexp(nan.data(), 3)));
    t.softmax(nan.data(), y.data(), 3);
    CHECK((std::isnan(y[0]) && std::isnan(y[1])));
    std::vector<float> far(40, -200.0f);  // beside these, masked scores and tiny ones count 0
    far[3] = far[20] = 1.0f;
    std::vector<float> shares(40);
    t.softmax(far.data(), shares.data(), 40);
    CHECK((shares[3] == 0.5f && shares[20] == 0.5f && shares[0] == 0.0f && shares[39] == 0.0f));
    const std::vector<float> large = {3e38f, 3e38f, -3e38f};
    t.softmax(large.data(), y.data(), 3);
    CHECK(y == std::vector<float>{0.5f, 0.5f, 0.0f});
    float one = 7.0f;
    t.softmax(&one, &one, 1);
    CHECK(one == 1.0f);
    one = 7.0f;
    t.log_softmax(&one, &one, 1);
    CHECK(one == 0.0f);
  }
}
