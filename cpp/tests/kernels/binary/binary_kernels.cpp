// Every function of binary.def on every instruction set, against plain loops in float64.
#include <algorithm>

#include "kernels/kernel_support.hpp"
#include "tinytorch/kernels/binary/reference.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

struct Pairs {
  std::vector<float> a, b;
};

// All pairs of special values, then ordinary numbers, some of them equal.
Pairs operands(std::size_t ordinary) {
  Pairs p;
  for (float x : special_values()) {
    for (float y : special_values()) {
      p.a.push_back(x);
      p.b.push_back(y);
    }
  }
  const std::vector<float> a = normal(ordinary, 5, 4.0f), b = normal(ordinary, 6, 4.0f);
  p.a.insert(p.a.end(), a.begin(), a.end());
  p.b.insert(p.b.end(), b.begin(), b.end());
  for (std::size_t i = 0; i < ordinary; i += 7) p.a[i] = p.b[i];
  return p;
}

const char* const kNames[] = {
#define TT_BINARY(name, doc) #name,
#define TT_COMPARE(name, doc)
#include "tinytorch/kernels/binary/binary.def"
#undef TT_BINARY
#undef TT_COMPARE
};

double bound(Binary f) { return f == Binary::pow ? 0.8 : 0.5; }

}  // namespace

TEST_CASE("binary kernels round as float64 arithmetic does") {
  const Pairs p = operands(20000);
  const std::size_t n = p.a.size();
  const std::vector<double> a = widen(p.a), b = widen(p.b);
  for (Isa isa : isas(&Table::binary)) {
    for (int f = 0; f < kBinaryCount; ++f) {
      INFO(name_of(isa) << " " << kNames[f]);
      std::vector<float> y(n);
      std::vector<double> exact(n);
      table(isa).binary.arithmetic[f](p.a.data(), 1, p.b.data(), 1, y.data(), n);
      reference::binary<double>(static_cast<Binary>(f), a.data(), 1, b.data(), 1, exact.data(), n);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const bool ok = close(y[i], exact[i], bound(static_cast<Binary>(f)), 0);
        if (!ok && ++wrong <= 3) {
          UNSCOPED_INFO("f(" << p.a[i] << ", " << p.b[i] << ") = " << y[i] << ", not " << exact[i]);
        }
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("pow stays within its bound over all magnitudes") {
  std::vector<float> a, b;
  Generator g(9);
  for (int i = 0; i < 200000; ++i) {
    const auto bits = static_cast<std::uint32_t>(g.below(0x7f800000));
    float x, y = static_cast<float>(g.below(400001)) * 1e-4f - 20.0f;
    std::memcpy(&x, &bits, sizeof x);
    if (i % 3 == 0) x = static_cast<float>(g.below(3000000)) * 1e-6f;
    if (i % 5 == 0) y = std::rint(y);
    a.push_back(i % 10 == 0 ? -x : x);
    b.push_back(y);
  }
  for (Isa isa : isas(&Table::binary)) {
    INFO(name_of(isa));
    std::vector<float> y(a.size());
    table(isa).binary.arithmetic[static_cast<int>(Binary::pow)](a.data(), 1, b.data(), 1, y.data(),
                                                                y.size());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double exact = std::pow(static_cast<double>(a[i]), static_cast<double>(b[i]));
      if (!close(y[i], exact, 0.8, 0) && ++wrong <= 3) {
        UNSCOPED_INFO("pow(" << a[i] << ", " << b[i] << ") = " << y[i] << ", not " << exact);
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("comparisons are exact, also with NaN") {
  const Pairs p = operands(5000);
  const std::size_t n = p.a.size();
  for (Isa isa : isas(&Table::binary)) {
    for (int f = 0; f < kCompareCount; ++f) {
      INFO(name_of(isa) << " comparison " << f);
      std::vector<std::uint8_t> y(n), exact(n);
      table(isa).binary.compare[f](p.a.data(), 1, p.b.data(), 1, y.data(), n);
      reference::compare<float>(static_cast<Compare>(f), p.a.data(), 1, p.b.data(), 1, exact.data(),
                                n);
      CHECK(y == exact);
    }
  }
}

TEST_CASE("binary kernels at every size and stride: tails equal the body, bounds kept") {
  const Pairs p = operands(4200);
  const auto begin = static_cast<std::ptrdiff_t>(p.a.size() - 4200);
  for (Isa isa : isas(&Table::binary)) {
    const BinaryTable& t = table(isa).binary;
    for (std::size_t n : sizes()) {
      const auto end = begin + static_cast<std::ptrdiff_t>(n);
      Guarded<float> a(std::vector<float>(p.a.begin() + begin, p.a.begin() + end), 1);
      Guarded<float> b(std::vector<float>(p.b.begin() + begin, p.b.begin() + end), 2);
      Guarded<float> one(std::vector<float>{1.5f}, 3);
      const std::size_t strides[][2] = {{1, 1}, {1, 0}, {0, 1}, {0, 0}};
      bool same = true, intact = true;
      for (const auto& s : strides) {
        const float* pa = s[0] ? a.data() : one.data();
        const float* pb = s[1] ? b.data() : one.data();
        for (int f = 0; f < kBinaryCount; ++f) {
          Guarded<float> y(n, 3);
          t.arithmetic[f](pa, s[0], pb, s[1], y.data(), n);
          intact &= y.intact();
          for (std::size_t i = 0; i < n; ++i) {  // against one value at a time
            float alone;
            t.arithmetic[f](pa + i * s[0], 1, pb + i * s[1], 1, &alone, 1);
            same &= same_values(&alone, &y[i], 1);
          }
        }
        for (int f = 0; f < kCompareCount; ++f) {
          Guarded<std::uint8_t> y(n, 3);
          std::vector<std::uint8_t> exact(n);
          t.compare[f](pa, s[0], pb, s[1], y.data(), n);
          reference::compare<float>(static_cast<Compare>(f), pa, s[0], pb, s[1], exact.data(), n);
          intact &= y.intact();
          same &= y.values() == exact;
        }
      }
      INFO(name_of(isa) << " n = " << n);
      CHECK(same);
      CHECK(intact);
    }
  }
}

TEST_CASE("binary results may replace an operand") {
  const std::vector<float> a = normal(133, 1), b = normal(133, 2);
  for (Isa isa : isas(&Table::binary)) {
    std::vector<float> y(133), x = a, z = b;
    const BinaryFn sub = table(isa).binary.arithmetic[static_cast<int>(Binary::sub)];
    sub(a.data(), 1, b.data(), 1, y.data(), 133);
    sub(x.data(), 1, b.data(), 1, x.data(), 133);
    sub(a.data(), 1, z.data(), 1, z.data(), 133);
    CHECK(same_bits(x, y));
    CHECK(same_bits(z, y));
  }
}
