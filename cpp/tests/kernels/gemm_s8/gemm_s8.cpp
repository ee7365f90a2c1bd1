// Every instruction set of this machine against the plain reference: integers equal, floats equal
// bit for bit.
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/kernel_support.hpp"
#include "support/catch.hpp"
#include "tinytorch/base/error.hpp"
#include "tinytorch/base/rng.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/gemm_s8/packed_s8.hpp"
#include "tinytorch/kernels/gemm_s8/reference.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

std::vector<std::int8_t> random_s8(std::int64_t n, Generator& g) {
  std::vector<std::int8_t> v(count(n));
  for (auto& q : v) q = static_cast<std::int8_t>(static_cast<int>(g.below(255)) - 127);
  return v;
}
std::vector<float> random_f32(std::int64_t n, Generator& g) {
  std::vector<float> v(count(n));
  g.normal(v.data(), n);
  return v;
}
bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return false;
  return a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

struct Sizes {
  std::int64_t m, n, k;
};

std::vector<Sizes> odd_sizes() {
  std::vector<Sizes> all;
  for (std::int64_t m : {0, 1, 2, 3, 5, 6, 7, 8, 13, 16, 17, 32, 47}) {
    for (std::int64_t n : {0, 1, 3, 8, 15, 16, 17, 63, 64, 65}) {
      for (std::int64_t k : {0, 1, 2, 3, 4, 5, 31, 64, 131}) all.push_back({m, n, k});
    }
  }
  all.push_back({401, 130, 67});
  all.push_back({270, 33, 1024});
  all.push_back({33, 31, 2049});  // several blocks of rows and panels
  all.push_back({1, 1000, 513});
  return all;
}

struct Problem {
  explicit Problem(Sizes s, std::uint64_t seed = 7) : size(s) {
    Generator g(seed);
    w = random_s8(s.n * s.k, g);
    x = random_f32(s.m * s.k, g);
    scale = random_f32(s.n, g);
    for (auto& v : scale) v = std::fabs(v) + 0.01f;
    bias = random_f32(s.n, g);
  }
  std::vector<float> run(const GemmS8Table& t, bool with_bias = true) const {
    const auto packed = pack_s8(w.data(), size.n, size.k, t);
    std::vector<float> y(count(size.m * size.n), -1.0f);
    linear_s8(x.data(), size.m, size.k, packed, scale.data(), with_bias ? bias.data() : nullptr,
              y.data(), size.n);
    return y;
  }
  std::vector<float> reference(bool with_bias = true) const {
    std::vector<float> y(count(size.m * size.n), -1.0f);
    reference::linear_s8(x.data(), size.m, size.k, w.data(), size.n, scale.data(),
                         with_bias ? bias.data() : nullptr, y.data());
    return y;
  }
  Sizes size;
  std::vector<std::int8_t> w;
  std::vector<float> x, scale, bias;
};

}  // namespace

TEST_CASE("int8 products equal the reference on every instruction set") {
  for (const Isa isa : supported_isas()) {
    CAPTURE(name_of(isa));
    for (const Sizes s : odd_sizes()) {
      CAPTURE(s.m, s.n, s.k);
      Generator g(3);
      const auto a = random_s8(s.m * s.k, g), b = random_s8(s.n * s.k, g);
      std::vector<std::int32_t> expected(count(s.m * s.n)), got(count(s.m * s.n), -1);
      reference::gemm_s8(a.data(), s.m, b.data(), s.n, s.k, expected.data());
      const auto packed = pack_s8(b.data(), s.n, s.k, table(isa).gemm_s8);
      gemm_s8(a.data(), s.m, s.k, packed, got.data(), s.n);
      REQUIRE(got == expected);
    }
  }
}

TEST_CASE("extreme values neither saturate nor overflow") {
  for (const Isa isa : supported_isas()) {
    for (const std::int64_t k : {std::int64_t{2}, std::int64_t{4097}, kMaxS8Depth}) {
      for (const int a_value : {-127, 127}) {
        CAPTURE(name_of(isa), k, a_value);
        const std::vector<std::int8_t> a(count(3 * k), static_cast<std::int8_t>(a_value));
        std::vector<std::int8_t> b(count(2 * k), 127);
        std::fill_n(b.begin(), k, std::int8_t{-127});
        const auto packed = pack_s8(b.data(), 2, k, table(isa).gemm_s8);
        std::vector<std::int32_t> got(6);
        gemm_s8(a.data(), 3, k, packed, got.data(), 2);
        const auto sum = static_cast<std::int32_t>(k * 127 * a_value);
        REQUIRE(got == std::vector<std::int32_t>{-sum, sum, -sum, sum, -sum, sum});
      }
    }
  }
}

TEST_CASE("quantized linear is bit-equal to the reference on every instruction set") {
  for (const Isa isa : supported_isas()) {
    CAPTURE(name_of(isa));
    for (const Sizes s : odd_sizes()) {
      CAPTURE(s.m, s.n, s.k);
      const Problem p(s);
      REQUIRE(same_bits(p.run(table(isa).gemm_s8), p.reference()));
      REQUIRE(same_bits(p.run(table(isa).gemm_s8, false), p.reference(false)));
    }
  }
}

TEST_CASE("quantized linear is bit-equal for any thread count") {
  const Problem p({301, 515, 129});
  const auto expected = p.reference();
  const int before = num_threads();
  for (const int threads : {1, 2, 3, 8}) {
    set_num_threads(threads);
    CAPTURE(threads);
    CHECK(same_bits(p.run(active().gemm_s8), expected));
  }
  set_num_threads(before);
}

TEST_CASE("a row alone gives the same bits as in a batch") {
  Problem p({37, 70, 96});
  const auto batch = p.run(active().gemm_s8);
  const auto packed = pack_s8(p.w.data(), 70, 96);
  for (std::int64_t row = 0; row < 37; ++row) {
    std::vector<float> y(70);
    linear_s8(p.x.data() + row * 96, 1, 96, packed, p.scale.data(), p.bias.data(), y.data(), 70);
    REQUIRE(std::memcmp(y.data(), batch.data() + row * 70, 70 * sizeof(float)) == 0);
  }
}

TEST_CASE("rounding is half to even and the range is symmetric") {
  for (const Isa isa : supported_isas()) {
    CAPTURE(name_of(isa));
    // Scale 1: the values below are their own codes.
    const std::vector<float> x = {127.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 126.5f, -126.5f};
    const auto k = static_cast<std::int64_t>(x.size());
    std::vector<std::int8_t> identity(count(k * k), 0);
    for (std::int64_t i = 0; i < k; ++i) identity[count(i * k + i)] = 1;
    const std::vector<float> ones(count(k), 1.0f);
    std::vector<float> y(count(k));
    linear_s8(x.data(), 1, k, pack_s8(identity.data(), k, k, table(isa).gemm_s8), ones.data(),
              nullptr, y.data(), k);
    CHECK(y == std::vector<float>{127, 0, 2, 2, 0, -2, -2, 126, -126});
  }
}

TEST_CASE("zero, tiny, huge and non-finite rows") {
  const float inf = std::numeric_limits<float>::infinity();
  const float big = 0.5f * std::numeric_limits<float>::max();
  const float tiny = std::numeric_limits<float>::denorm_min();
  for (const Isa isa : supported_isas()) {
    CAPTURE(name_of(isa));
    const auto& t = table(isa).gemm_s8;
    const std::vector<std::int8_t> w = {1, -1, 0};
    const auto packed = pack_s8(w.data(), 1, 3, t);
    const float scale = 1.0f, bias = 0.25f;
    const auto run = [&](std::vector<float> x, float fixed = 0.0f) {
      float y = -1.0f;
      linear_s8(x.data(), 1, 3, packed, &scale, &bias, &y, 1, fixed);
      return y;
    };
    CHECK(run({0, 0, 0}) == 0.25f);
    CHECK(run({tiny, -tiny, tiny}) == 0.25f);
    CHECK(run({big, 0, 0}) == Approx(big));
    CHECK(std::isnan(run({1, 2, inf})));
    CHECK(std::isnan(run({1, std::nanf(""), 0})));
    CHECK(std::isnan(run({1, -inf, 0}, 0.5f)));
    CHECK(run({3, 1, 0}, 0.5f) == 2.25f);
    CHECK(run({1000, 0, 0}, 0.5f) == 63.75f);  // saturates at 127 steps
  }
}

TEST_CASE("rows with a stride, and results with a stride") {
  const Problem p({5, 19, 33});
  const auto expected = p.reference();
  for (const Isa isa : supported_isas()) {
    CAPTURE(name_of(isa));
    const auto packed = pack_s8(p.w.data(), 19, 33, table(isa).gemm_s8);
    std::vector<float> x(5 * 40, 1e9f), y(5 * 23, 42.0f);
    for (std::size_t r = 0; r < 5; ++r) {
      std::copy_n(p.x.begin() + static_cast<std::ptrdiff_t>(r * 33), 33,
                  x.begin() + static_cast<std::ptrdiff_t>(r * 40));
    }
    linear_s8(x.data(), 5, 40, packed, p.scale.data(), p.bias.data(), y.data(), 23);
    for (std::size_t r = 0; r < 5; ++r) {
      REQUIRE(std::memcmp(y.data() + r * 23, expected.data() + r * 19, 19 * sizeof(float)) == 0);
      for (std::size_t c = 19; c < 23; ++c) REQUIRE(y[r * 23 + c] == 42.0f);
    }
  }
}

TEST_CASE("packing round-trips and refuses what it cannot hold") {
  Generator g(11);
  for (const Isa isa : supported_isas()) {
    const auto w = random_s8(37 * 21, g);
    const auto packed = pack_s8(w.data(), 37, 21, table(isa).gemm_s8);
    std::vector<std::int8_t> back(w.size());
    unpack_s8(packed, back.data());
    REQUIRE(back == w);
  }
  const std::int8_t lowest = -128;
  CHECK_THROWS_AS(pack_s8(&lowest, 1, 1), ValueError);
  const std::vector<std::int8_t> deep(count(kMaxS8Depth + 1), 0);
  CHECK_THROWS_AS(pack_s8(deep.data(), 1, kMaxS8Depth + 1), ValueError);
}
