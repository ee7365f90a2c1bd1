// A product with packed weights has the bits of the plain one, on every instruction set.
#include "tinytorch/kernels/gemm_f32/packed.hpp"

#include "kernels/kernel_support.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/gemm_f32/blocked.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

struct Problem {
  Problem(std::int64_t rows, std::int64_t cols, std::int64_t depth)
      : m(rows),
        n(cols),
        k(depth),
        a(normal(static_cast<std::size_t>(m * k), 71)),
        b(normal(static_cast<std::size_t>(k * n), 72)),
        bias(normal(static_cast<std::size_t>(n), 73)),
        start(normal(static_cast<std::size_t>(m * n), 74)) {}

  std::vector<float> plain(const GemmTable& t, bool accumulate) const {
    std::vector<float> c = start;
    Gemm g;
    g.m = m, g.n = n, g.k = k;
    g.a = a.data(), g.a_row = k;
    g.b = b.data(), g.b_row = n;
    g.c = c.data(), g.c_row = n;
    g.accumulate = accumulate;
    g.bias = bias.data();
    gemm_with(g, t);
    return c;
  }
  std::vector<float> packed(const GemmTable& t, bool accumulate) const {
    Guarded<float> c(start, 1);
    const PackedF32 w = pack_f32(b.data(), n, 1, k, n, t);
    gemm_packed(a.data(), m, k, w, {c.data(), n, accumulate, bias.data()});
    CHECK(c.intact());
    return c.values();
  }
  std::int64_t m, n, k;
  std::vector<float> a, b, bias, start;
};

}  // namespace

TEST_CASE("packed products are bit-equal to plain ones") {
  for (const Isa isa : supported_isas()) {
    const GemmTable& t = table(isa).gemm_f32;
    for (const std::int64_t m : {0, 1, 2, 7, 15, 90}) {
      for (const std::int64_t n : {0, 1, 15, 16, 33, 70}) {
        for (const std::int64_t k : {0, 1, 5, 64, 1030}) {
          CAPTURE(name_of(isa), m, n, k);
          const Problem p(m, n, k);
          REQUIRE(same_bits(p.packed(t, false), p.plain(t, false)));
          REQUIRE(same_bits(p.packed(t, true), p.plain(t, true)));
        }
      }
    }
  }
}

TEST_CASE("packed products do not depend on the number of threads") {
  const Problem p(101, 700, 300);
  const GemmTable& t = active().gemm_f32;
  const auto expected = p.packed(t, false);
  const int before = num_threads();
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    CHECK(same_bits(p.packed(t, false), expected));
  }
  set_num_threads(before);
}

TEST_CASE("a transposed weight packs to the same panels") {
  const std::int64_t k = 45, n = 37;
  const std::vector<float> b = normal(static_cast<std::size_t>(k * n), 75);
  std::vector<float> turned(b.size());
  for (std::int64_t p = 0; p < k; ++p) {
    for (std::int64_t j = 0; j < n; ++j) {
      turned[static_cast<std::size_t>(j * k + p)] = b[static_cast<std::size_t>(p * n + j)];
    }
  }
  const PackedF32 one = pack_f32(b.data(), n, 1, k, n), other = pack_f32(turned.data(), 1, k, k, n);
  REQUIRE(one.weights.size() == other.weights.size());
  CHECK(std::memcmp(one.weights.data(), other.weights.data(), one.weights.size()) == 0);
}
