// Every instruction set of this machine against sums in double of the rounded values.
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/kernel_support.hpp"
#include "support/catch.hpp"
#include "tinytorch/base/half.hpp"
#include "tinytorch/base/rng.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/gemm_bf16/packed_bf16.hpp"
#include "tinytorch/kernels/gemm_bf16/plain.hpp"
#include "tinytorch/kernels/gemm_bf16/reference.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

struct Problem {
  Problem(std::int64_t rows, std::int64_t cols, std::int64_t depth) : m(rows), n(cols), k(depth) {
    Generator g(5);
    a = random_f32(m * k, g);
    b = random_f32(k * n, g);
    bias = random_f32(n, g);
  }
  std::vector<float> run(const GemmBf16Table& t) const {
    std::vector<float> y(count(m * n), -1.0f);
    const auto packed = pack_bf16(b.data(), n, 1, k, n, t);
    gemm_bf16(a.data(), m, k, packed, {y.data(), n, false, bias.data()});
    return y;
  }
  // Float32 sums of k products of magnitude about 1 err by a few units in the last place of the
  // largest partial sum; sqrt(k) bounds those of random signs.
  double tolerance() const { return 4e-7 * (1.0 + 4.0 * std::sqrt(static_cast<double>(k))) * 4.0; }
  std::int64_t m, n, k;
  std::vector<float> a, b, bias;
};

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

}  // namespace

TEST_CASE("bfloat16 products agree with the reference on every instruction set") {
  for (const Isa isa : supported_isas()) {
    for (const std::int64_t m : {0, 1, 2, 5, 16, 17, 33, 47}) {
      for (const std::int64_t n : {0, 1, 15, 16, 31, 33, 64, 70}) {
        for (const std::int64_t k : {0, 1, 2, 3, 31, 32, 33, 130, 1024}) {
          CAPTURE(name_of(isa), m, n, k);
          const Problem p(m, n, k);
          std::vector<double> expected(count(m * n));
          reference::gemm_bf16(p.a.data(), m, p.b.data(), n, k, p.bias.data(), expected.data());
          const auto got = p.run(table(isa).gemm_bf16);
          double worst = 0.0;
          for (std::size_t i = 0; i < got.size(); ++i) {
            worst = std::max(worst, std::fabs(static_cast<double>(got[i]) - expected[i]));
          }
          REQUIRE(worst <= p.tolerance());
        }
      }
    }
  }
}

TEST_CASE("transposed weights pack the same, and products add to what is there") {
  const Problem p(7, 21, 45);
  std::vector<float> turned(count(21 * 45));
  for (std::int64_t i = 0; i < 45; ++i) {
    for (std::int64_t j = 0; j < 21; ++j) turned[count(j * 45 + i)] = p.b[count(i * 21 + j)];
  }
  for (const Isa isa : supported_isas()) {
    CAPTURE(name_of(isa));
    const auto& t = table(isa).gemm_bf16;
    const auto once = p.run(t);
    const auto packed = pack_bf16(turned.data(), 1, 45, 45, 21, t);
    std::vector<float> y(count(7 * 21), 0.0f);
    gemm_bf16(p.a.data(), 7, 45, packed, {y.data(), 21, true, p.bias.data()});
    CHECK(same_bits(y, once));
  }
}

TEST_CASE("bfloat16 rows do not depend on their neighbours, nor results on threads") {
  const Problem p(67, 130, 96);
  const int before = num_threads();
  for (const Isa isa : supported_isas()) {
    CAPTURE(name_of(isa));
    const auto& t = table(isa).gemm_bf16;
    const auto expected = p.run(t);
    for (const int threads : {1, 2, 5}) {
      set_num_threads(threads);
      CHECK(same_bits(p.run(t), expected));
    }
    const auto packed = pack_bf16(p.b.data(), 130, 1, 96, 130, t);
    for (const std::int64_t row : {0, 15, 16, 40, 66}) {
      std::vector<float> y(130);
      gemm_bf16(p.a.data() + row * 96, 1, 96, packed, {y.data(), 130, false, p.bias.data()});
      CHECK(std::memcmp(y.data(), expected.data() + row * 130, 130 * sizeof(float)) == 0);
    }
  }
  set_num_threads(before);
}

TEST_CASE("bfloat16 rounding is to nearest even, and not a number stays so") {
  const float tie_down = 1.00390625f, tie_up = 1.01171875f;  // halves of the last place
  const std::vector<float> a = {tie_down, tie_up, -tie_down, std::nanf("")};
  const float one = 1.0f;
  for (const Isa isa : supported_isas()) {
    CAPTURE(name_of(isa));
    const auto packed = pack_bf16(&one, 1, 1, 1, 1, table(isa).gemm_bf16);
    std::vector<float> y(4);
    gemm_bf16(a.data(), 4, 1, packed, {y.data(), 1, false, nullptr});
    CHECK(y[0] == 1.0f);
    CHECK(y[1] == 1.015625f);
    CHECK(y[2] == -1.0f);
    CHECK(std::isnan(y[3]));
  }
}

namespace {

// Any strides: as rows, as columns, and as every second value of either.
std::vector<float> laid_out(const std::vector<float>& x, std::int64_t rows, std::int64_t cols,
                            std::int64_t row, std::int64_t col) {
  std::vector<float> out(count((rows + 1) * row + (cols + 1) * col), 99.0f);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) out[count(i * row + j * col)] = x[count(i * cols + j)];
  }
  return out;
}

}  // namespace

TEST_CASE("plain bfloat16 products take operands of any strides, with the bits of packed ones") {
  for (const Isa isa : supported_isas()) {
    const auto& t = table(isa).gemm_bf16;
    for (const auto& [m, n, k] : std::vector<std::array<std::int64_t, 3>>{
             {1, 1, 1}, {3, 17, 5}, {65, 33, 31}, {70, 64, 64}, {33, 130, 97}}) {
      const Problem p(m, n, k);
      const auto expected = p.run(t);
      for (const int a_form : {0, 1, 2}) {
        for (const int b_form : {0, 1, 2}) {
          CAPTURE(name_of(isa), m, n, k, a_form, b_form);
          Gemm g;
          g.m = m, g.n = n, g.k = k;
          g.a_row = a_form == 1 ? 1 : 2 * k, g.a_col = a_form == 0 ? 1 : a_form == 1 ? m + 3 : 2;
          g.b_row = b_form == 1 ? 1 : 2 * n, g.b_col = b_form == 0 ? 1 : b_form == 1 ? k + 5 : 2;
          const auto a = laid_out(p.a, m, k, g.a_row, g.a_col);
          const auto b = laid_out(p.b, k, n, g.b_row, g.b_col);
          std::vector<float> y(count(m * n), 0.0f);
          g.a = a.data(), g.b = b.data(), g.c = y.data(), g.c_row = n, g.bias = p.bias.data();
          gemm_bf16(g, t);
          REQUIRE(same_bits(y, expected));
          g.accumulate = true, g.bias = nullptr;
          gemm_bf16(g, t);
          CHECK(y[0] == Approx(2 * expected[0] - p.bias[0]).margin(1e-4));
        }
      }
    }
  }
}

TEST_CASE("deep and tall bfloat16 products do not depend on threads") {
  const Problem p(4100, 3, 4500);
  std::vector<float> first;
  const int before = num_threads();
  for (const int threads : {1, 3}) {
    set_num_threads(threads);
    std::vector<float> y(count(4100 * 3));
    Gemm g;
    g.m = p.m, g.n = p.n, g.k = p.k, g.a = p.a.data(), g.a_row = p.k, g.b = p.b.data();
    g.b_row = p.n, g.c = y.data(), g.c_row = p.n;
    gemm_bf16(g);
    if (first.empty()) first = y;
    CHECK(same_bits(y, first));
  }
  set_num_threads(before);
  double sum = 0.0;
  const std::int64_t last = p.m - 1;
  for (std::int64_t q = 0; q < p.k; ++q) {
    sum += static_cast<double>(static_cast<float>(bf16(p.a[count(last * p.k + q)]))) *
           static_cast<double>(static_cast<float>(bf16(p.b[count(q * 3 + 2)])));
  }
  CHECK(first[count(last * 3 + 2)] == Approx(sum).margin(p.tolerance()));
}
