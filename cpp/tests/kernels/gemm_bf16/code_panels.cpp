// Products of values that are bfloat16 already, against those that round floats on the way.
#include "tinytorch/kernels/gemm_bf16/code_panels.hpp"

#include <vector>

#include "kernels/kernel_support.hpp"
#include "support/catch.hpp"
#include "tinytorch/kernels/gemm_bf16/packed_bf16.hpp"
#include "tinytorch/kernels/gemm_bf16/plain.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

TEST_CASE("products of codes have the bits of those that round their floats") {
  Generator draws(11);
  for (const Isa isa : supported_isas()) {
    const GemmBf16Table& t = table(isa).gemm_bf16;
    if (!multiplies_codes(t)) continue;
    for (const std::int64_t m : {16, 48, 80}) {
      for (const std::int64_t n : {16, 64, 80, 144}) {
        for (const std::int64_t k : {1, 2, 31, 32, 33, 130}) {
          CAPTURE(name_of(isa), m, n, k);
          const auto a = random_f32(k * m, draws), b = random_f32(k * n, draws);
          Guarded<float> got(count(m * n)), want(count(m * n));
          Gemm g;
          g.m = m, g.n = n, g.k = k;
          g.a = a.data(), g.a_row = 1, g.a_col = m, g.b = b.data(), g.b_row = n;
          g.c = want.data(), g.c_row = n;
          gemm_bf16(g, t);
          const auto x = codes_of(a), y = codes_of(b);
          multiply_turned_codes(t, x.data(), y.data(), m, n, k, false, got.data());
          REQUIRE(got.values() == want.values());
          multiply_turned_codes(t, x.data(), y.data(), m, n, k, true, got.data());
          REQUIRE(got.values()[0] == 2 * want.values()[0]);
          REQUIRE(got.intact());
        }
      }
    }
  }
}

TEST_CASE("rows of codes have the products of their floats") {
  Generator draws(12);
  const std::int64_t rows = 29, k = 48, n = 70;
  const auto a = random_f32(rows * k, draws), b = random_f32(k * n, draws);
  for (const Isa isa : supported_isas()) {
    const GemmBf16Table& t = table(isa).gemm_bf16;
    if (!multiplies_codes(t)) continue;
    CAPTURE(name_of(isa));
    const auto packed = pack_bf16(b.data(), n, 1, k, n, t);
    const CodePanelView view{&t, packed.weights.data(), k, n};
    std::vector<float> got(count(rows * n)), want(got.size());
    view.multiply({a.data(), k, 1, rows}, {want.data(), n, false, nullptr});
    view.multiply_codes(codes_of(a).data(), rows, {got.data(), n, false, nullptr});
    REQUIRE(got == want);
  }
}
