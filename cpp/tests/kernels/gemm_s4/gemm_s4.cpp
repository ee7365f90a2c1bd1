// 4-bit products: every instruction set of this machine has the bits of the plain reference.
#include <cmath>
#include <limits>

#include "kernels/kernel_support.hpp"
#include "tinytorch/base/half.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/gemm_s4/packed_s4.hpp"
#include "tinytorch/kernels/gemm_s4/reference.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

struct Problem {
  Problem(std::int64_t rows, std::int64_t cols, std::int64_t depth)
      : m(rows),
        n(cols),
        k(depth),
        groups((k + kS4Group - 1) / kS4Group),
        x(normal(count(m * k), 81)),
        w(normal(count(n * k), 82)),
        bias(normal(count(n), 83)),
        codes(count(n * groups * kS4Group)),
        scales(count(n * groups)) {
    quantize_s4(w.data(), n, k, codes.data(), scales.data());
  }
  std::vector<float> run(const GemmS4Table& t, bool with_bias = true) const {
    Guarded<float> y(std::vector<float>(count(m * n), -1.0f), 1);
    const PackedS4 packed = pack_s4(codes.data(), scales.data(), n, k, t);
    linear_s4(x.data(), m, k, packed, with_bias ? bias.data() : nullptr, y.data(), n);
    CHECK(y.intact());
    return y.values();
  }
  std::vector<float> reference(bool with_bias = true) const {
    std::vector<float> y(count(m * n), -1.0f);
    reference::linear_s4(x.data(), m, k, codes.data(), scales.data(), n,
                         with_bias ? bias.data() : nullptr, y.data());
    return y;
  }
  std::int64_t m, n, k, groups;
  std::vector<float> x, w, bias;
  std::vector<std::int8_t> codes;
  std::vector<float> scales;
};

}  // namespace

TEST_CASE("4-bit products are bit-equal to the reference on every instruction set") {
  for (const Isa isa : supported_isas()) {
    const GemmS4Table& t = table(isa).gemm_s4;
    for (const std::int64_t m : {0, 1, 2, 4, 5, 9, 70}) {
      for (const std::int64_t n : {0, 1, 15, 16, 17, 64, 65, 130}) {
        for (const std::int64_t k : {0, 1, 31, 32, 33, 100, 256}) {
          CAPTURE(name_of(isa), m, n, k);
          const Problem p(m, n, k);
          REQUIRE(same_bits(p.run(t), p.reference()));
        }
      }
    }
    const Problem p(3, 50, 64);
    REQUIRE(same_bits(p.run(t, false), p.reference(false)));
  }
}

TEST_CASE("largest codes do not overflow") {
  const std::int64_t k = 96, n = 18;
  const std::vector<std::int8_t> codes(count(n * k), -8);
  const std::vector<float> scales(count(n * 3), 1.0f), x(count(k), 127.0f);
  for (const Isa isa : supported_isas()) {
    CAPTURE(name_of(isa));
    std::vector<float> y(count(n));
    linear_s4(x.data(), 1, k, pack_s4(codes.data(), scales.data(), n, k, table(isa).gemm_s4),
              nullptr, y.data(), n);
    for (const float v : y) REQUIRE(v == -8.0f * 127.0f * 96.0f);
  }
}

TEST_CASE("4-bit products do not depend on threads or neighbours") {
  const Problem p(71, 515, 129);
  const auto expected = p.reference();
  const int before = num_threads();
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    CHECK(same_bits(p.run(active().gemm_s4), expected));
  }
  set_num_threads(before);
}

TEST_CASE("4-bit quantization errs by half a step at most, but for the clipped end") {
  const Problem p(1, 40, 320);
  for (std::int64_t i = 0; i < p.n * p.groups; ++i) {
    const float scale = p.scales[count(i)], step = std::fabs(scale);
    REQUIRE(static_cast<float>(bf16(scale)) == scale);
    float most = 0.0f;
    for (std::int64_t s = 0; s < kS4Group; ++s)
      most = std::max(most, std::fabs(p.w[count(i * kS4Group + s)]));
    for (std::int64_t s = 0; s < kS4Group; ++s) {
      const int code = p.codes[count(i * kS4Group + s)];
      REQUIRE((code >= -8 && code <= 7));
      const float value = p.w[count(i * kS4Group + s)];
      const bool clipped = code == -8 || code == 7;
      CHECK(std::fabs(value - static_cast<float>(code) * scale) <=
            (clipped ? 0.3f * most : 0.5001f * step));
    }
  }
}

TEST_CASE("zero groups, and weights and activations that are not finite") {
  const float nan = std::nanf(""), inf = std::numeric_limits<float>::infinity();
  std::vector<std::int8_t> codes(64, 1);
  std::vector<float> scales(2, 1.0f);
  const std::vector<float> zeros(64, 0.0f);
  quantize_s4(zeros.data(), 1, 64, codes.data(), scales.data());
  CHECK((scales[0] == 0.0f && scales[1] == 0.0f && codes[5] == 0));
  std::vector<float> w(64, 1.0f);
  w[40] = inf;
  quantize_s4(w.data(), 1, 64, codes.data(), scales.data());
  CHECK((!std::isnan(scales[0]) && std::isnan(scales[1])));
  w[40] = 1.0f;
  quantize_s4(w.data(), 1, 64, codes.data(), scales.data());
  for (const Isa isa : supported_isas()) {
    CAPTURE(name_of(isa));
    const PackedS4 packed = pack_s4(codes.data(), scales.data(), 1, 64, table(isa).gemm_s4);
    for (const float bad : {nan, inf, -inf}) {
      std::vector<float> x(64, 1.0f);
      x[3] = bad;
      float y = 0.0f;
      linear_s4(x.data(), 1, 64, packed, nullptr, &y, 1);
      CHECK(std::isnan(y));
    }
    float y = -1.0f;
    linear_s4(zeros.data(), 1, 64, packed, nullptr, &y, 1);
    CHECK(y == 0.0f);
  }
}
