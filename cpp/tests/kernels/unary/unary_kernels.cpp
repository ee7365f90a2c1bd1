// Every function of unary.def on every instruction set, against the same function in float64.
#include <algorithm>

#include "kernels/kernel_support.hpp"
#include "tinytorch/kernels/unary/reference.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

enum class Saved { none, input, output };

struct Function {
  Unary id;
  const char* name;
  Saved saved;
  float a;
  double ulp, absolute, gradient_ulp, gradient_absolute;
};

// accuracy.def beside unary.def: a function without its bound does not compile.
#define TT_ACCURACY(name, ulp, absolute, gradient_ulp, gradient_absolute) \
  constexpr double bound_##name[] = {ulp, absolute, gradient_ulp, gradient_absolute};
#include "tinytorch/kernels/unary/accuracy.def"
#undef TT_ACCURACY

const Function kFunctions[] = {
#define TT_UNARY(name, saved, parameter, doc)                                        \
  {Unary::name,     #name,           Saved::saved,    static_cast<float>(parameter), \
   bound_##name[0], bound_##name[1], bound_##name[2], bound_##name[3]},
#include "tinytorch/kernels/unary/unary.def"
#undef TT_UNARY
};

// Floats spread evenly over the bit patterns: every magnitude, both signs, infinities and NaN.
std::vector<float> all_magnitudes(std::uint32_t step) {
  std::vector<float> all = special_values();
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += step) {
    const auto pattern = static_cast<std::uint32_t>(bits);
    float x;
    std::memcpy(&x, &pattern, sizeof x);
    all.push_back(x);
  }
  return all;
}

// And dense where the functions bend.
std::vector<float> around_zero(std::size_t n) {
  std::vector<float> all(n);
  for (std::size_t i = 0; i < n; ++i) {
    all[i] = -20.0f + 40.0f * static_cast<float>(i) / static_cast<float>(n);
  }
  return all;
}

void check_forward(const UnaryTable& t, const Function& f, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  const std::vector<double> wide = widen(x);
  std::vector<double> exact(x.size());
  t.forward[static_cast<int>(f.id)](x.data(), y.data(), x.size(), f.a);
  reference::unary_forward<double>(f.id, wide.data(), exact.data(), x.size(), f.a);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (close(y[i], exact[i], f.ulp, f.absolute)) continue;
    if (++wrong <= 3) {
      UNSCOPED_INFO("f(" << x[i] << ") = " << y[i] << ", not " << exact[i] << ", off by "
                         << error(y[i], exact[i]) / ulp(exact[i]) << " ulp");
    }
  }
  CHECK(wrong == 0);
}

void check_backward(const UnaryTable& t, const Function& f, const std::vector<float>& x) {
  std::vector<float> saved = x;
  if (f.saved == Saved::output) {
    t.forward[static_cast<int>(f.id)](x.data(), saved.data(), x.size(), f.a);
  }
  const std::vector<float> dy(x.size(), 1.0f);
  std::vector<float> dx(x.size());
  const std::vector<double> wide_dy = widen(dy), wide = widen(saved);
  std::vector<double> exact(x.size());
  t.backward[static_cast<int>(f.id)](dy.data(), saved.data(), dx.data(), x.size(), f.a);
  reference::unary_backward<double>(f.id, wide_dy.data(), wide.data(), exact.data(), x.size(), f.a);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (close(dx[i], exact[i], f.gradient_ulp, f.gradient_absolute)) continue;
    if (++wrong <= 3) {
      UNSCOPED_INFO("f'(" << x[i] << ") = " << dx[i] << ", not " << exact[i] << ", off by "
                          << error(dx[i], exact[i]) / ulp(exact[i]) << " ulp");
    }
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("unary kernels keep the stated accuracy over all floats") {
  const std::vector<float> wide = all_magnitudes(40009), dense = around_zero(100003);
  for (Isa isa : isas(&Table::unary)) {
    const UnaryTable& t = table(isa).unary;
    for (const Function& f : kFunctions) {
      INFO(name_of(isa) << " " << f.name);
      check_forward(t, f, wide);
      check_forward(t, f, dense);
    }
  }
}

TEST_CASE("unary gradients keep the stated accuracy") {
  const std::vector<float> wide = all_magnitudes(80021), dense = around_zero(50021);
  for (Isa isa : isas(&Table::unary)) {
    const UnaryTable& t = table(isa).unary;
    for (const Function& f : kFunctions) {
      INFO(name_of(isa) << " " << f.name);
      check_backward(t, f, wide);
      check_backward(t, f, dense);
    }
  }
}

TEST_CASE("unary kernels at every size: tails equal the body, bounds kept, in place allowed") {
  std::vector<float> x = normal(4200, 3, 3.0f);
  const std::vector<float> special = special_values();
  std::copy(special.begin(), special.end(), x.begin() + 20);
  const std::vector<float> dy = normal(4200, 4);
  for (Isa isa : isas(&Table::unary)) {
    const UnaryTable& t = table(isa).unary;
    for (const Function& f : kFunctions) {
      INFO(name_of(isa) << " " << f.name);
      const UnaryFn forward = t.forward[static_cast<int>(f.id)];
      const UnaryGradFn backward = t.backward[static_cast<int>(f.id)];
      std::vector<float> whole(x.size()), whole_dx(x.size());
      forward(x.data(), whole.data(), x.size(), f.a);
      backward(dy.data(), x.data(), whole_dx.data(), x.size(), f.a);
      bool same = true, intact = true;
      for (std::size_t n : sizes()) {
        for (std::size_t offset : {0, 1, 3}) {
          const std::vector<float> part(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(n));
          Guarded<float> in(part, offset), out(n, offset + 1), grad(n, offset);
          forward(in.data(), out.data(), n, f.a);
          same &= same_values(out.data(), whole.data(), n);
          backward(dy.data(), in.data(), grad.data(), n, f.a);
          same &= same_values(grad.data(), whole_dx.data(), n);
          forward(in.data(), in.data(), n, f.a);
          same &= same_values(in.data(), whole.data(), n);
          intact &= in.intact() && out.intact() && grad.intact();
        }
      }
      CHECK(same);
      CHECK(intact);
    }
  }
}

TEST_CASE("unary signs of zero and exact values") {
  const float in[] = {0.0f, -0.0f};
  for (Isa isa : isas(&Table::unary)) {
    const UnaryTable& t = table(isa).unary;
    for (Unary f : {Unary::sin, Unary::tanh, Unary::erf, Unary::sqrt, Unary::sign}) {
      INFO(name_of(isa) << " function " << static_cast<int>(f));
      float y[2];
      t.forward[static_cast<int>(f)](in, y, 2, 0.0f);
      CHECK((y[0] == 0.0f && !std::signbit(y[0])));
      CHECK((y[1] == 0.0f && std::signbit(y[1])));
    }
    float y[2];
    for (Unary f : {Unary::exp, Unary::cos}) {
      t.forward[static_cast<int>(f)](in, y, 2, 0.0f);
      CHECK((y[0] == 1.0f && y[1] == 1.0f));
    }
  }
}

TEST_CASE("a gradient of zero stays zero where the function is flat") {
  const float dy[] = {kInf, 5.0f, kNan}, y[] = {0.0f, 0.0f, 0.0f};
  for (Isa isa : isas(&Table::unary)) {
    float dx[3] = {1.0f, 1.0f, 1.0f};
    table(isa).unary.backward[static_cast<int>(Unary::relu)](dy, y, dx, 3, 0.0f);
    CHECK((dx[0] == 0.0f && dx[1] == 0.0f && dx[2] == 0.0f));
  }
}

TEST_CASE("scalar parameters reach the kernels") {
  const std::vector<float> x = {-2.0f, -0.5f, 0.0f, 3.0f};
  for (Isa isa : isas(&Table::unary)) {
    std::vector<float> y(4);
    table(isa).unary.forward[static_cast<int>(Unary::leaky_relu)](x.data(), y.data(), 4, 0.25f);
    CHECK(y == std::vector<float>{-0.5f, -0.125f, 0.0f, 3.0f});
    table(isa).unary.forward[static_cast<int>(Unary::elu)](x.data(), y.data(), 4, 2.0f);
    CHECK(y[0] == Approx(2.0 * std::expm1(-2.0)));
    CHECK(y[3] == 3.0f);
  }
}
