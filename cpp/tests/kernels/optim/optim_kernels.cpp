// Optimizer steps: equal bits on every instruction set, and the stated formulas in float64.
#include "kernels/kernel_support.hpp"
#include "tinytorch/kernels/optim/reference.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

const SgdArgs kSgd[] = {
    {0.1f, 0.0f, 0.0f, false}, {0.1f, 0.9f, 0.0f, false}, {0.05f, 0.9f, 0.01f, true}};
const AdamArgs kAdam[] = {{1e-3f, 0.9f, 0.999f, 1e-8f, 0.0f, 0.1f, 0.001f, false},
                          {1e-2f, 0.8f, 0.99f, 1e-8f, 0.1f, 0.36f, 0.0199f, false},
                          {1e-2f, 0.9f, 0.95f, 1e-6f, 0.1f, 0.271f, 0.1426f, true}};

std::vector<float> positive(std::vector<float> v) {
  for (float& x : v) x = x * x;
  return v;
}

bool all_close(const std::vector<float>& y, const std::vector<double>& exact) {
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (!(std::fabs(y[i] - exact[i]) <= 8 * kEpsilon * (1 + std::fabs(exact[i])))) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("sgd follows its formula and is equal on all instruction sets") {
  for (std::size_t n : sizes()) {
    for (const SgdArgs& args : kSgd) {
      const std::vector<float> g = normal(n, 42);
      std::vector<float> plain_w = normal(n, 41), plain_v = normal(n, 43);
      std::vector<double> w = widen(plain_w), v = widen(plain_v);
      const std::vector<double> wide_g = widen(g);
      const bool momentum = args.momentum != 0;
      reference::sgd<float>(plain_w.data(), g.data(), momentum ? plain_v.data() : nullptr, n, args);
      reference::sgd<double>(w.data(), wide_g.data(), momentum ? v.data() : nullptr, n, args);
      CHECK(all_close(plain_w, w));
      CHECK(all_close(plain_v, v));
      for (Isa isa : isas(&Table::optim)) {
        INFO(name_of(isa) << " n = " << n);
        Guarded<float> fast_w(normal(n, 41), 1), fast_v(normal(n, 43), 2);
        table(isa).optim.sgd(fast_w.data(), g.data(), momentum ? fast_v.data() : nullptr, n, args);
        CHECK(same_bits(fast_w.values(), plain_w));
        CHECK(same_bits(fast_v.values(), plain_v));
        CHECK((fast_w.intact() && fast_v.intact()));
      }
    }
  }
}

TEST_CASE("adam and adamw follow their formulas and are equal on all instruction sets") {
  for (std::size_t n : sizes()) {
    for (const AdamArgs& args : kAdam) {
      const std::vector<float> g = normal(n, 52);
      std::vector<float> plain_w = normal(n, 51), plain_m = normal(n, 53, 0.1f);
      std::vector<float> plain_v = positive(normal(n, 54));
      std::vector<double> w = widen(plain_w), m = widen(plain_m), v = widen(plain_v);
      const std::vector<double> wide_g = widen(g);
      const std::vector<float> start_m = plain_m, start_v = plain_v;
      reference::adam<float>(plain_w.data(), g.data(), plain_m.data(), plain_v.data(), n, args);
      reference::adam<double>(w.data(), wide_g.data(), m.data(), v.data(), n, args);
      CHECK(all_close(plain_w, w));
      CHECK(all_close(plain_m, m));
      CHECK(all_close(plain_v, v));
      for (Isa isa : isas(&Table::optim)) {
        INFO(name_of(isa) << " n = " << n);
        Guarded<float> fast_w(normal(n, 51), 1), fast_m(start_m, 2), fast_v(start_v, 3);
        table(isa).optim.adam(fast_w.data(), g.data(), fast_m.data(), fast_v.data(), n, args);
        CHECK(same_bits(fast_w.values(), plain_w));
        CHECK(same_bits(fast_m.values(), plain_m));
        CHECK(same_bits(fast_v.values(), plain_v));
        CHECK((fast_w.intact() && fast_m.intact() && fast_v.intact()));
      }
    }
  }
}
