// Half-precision conversions, over all 65,536 values of each type and all roundings around them.
#include "tinytorch/base/half.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "support/catch.hpp"

using namespace tt;

namespace {

constexpr int kBits = 65536;

f16 f16_of(int bits) {
  f16 h;
  h.bits = static_cast<std::uint16_t>(bits);
  return h;
}
bf16 bf16_of(int bits) {
  bf16 h;
  h.bits = static_cast<std::uint16_t>(bits);
  return h;
}

// The value that IEEE 754 gives the bits, without bit tricks.
double f16_value(int bits) {
  const int exponent = (bits >> 10) & 31, mantissa = bits & 1023;
  const double sign = bits & 0x8000 ? -1.0 : 1.0;
  if (exponent == 31) {
    return mantissa == 0 ? sign * std::numeric_limits<double>::infinity()
                         : std::numeric_limits<double>::quiet_NaN();
  }
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

// Checks that converting the float just below, at, and just above `tie` rounds to nearest even.
template <class Half>
int wrong_around_tie(float tie, std::uint16_t low, std::uint16_t high) {
  const std::uint16_t even = low & 1 ? high : low;
  int wrong = Half(std::nextafter(tie, 0.0f)).bits != low;
  wrong += Half(tie).bits != even;
  wrong += Half(std::nextafter(tie, std::numeric_limits<float>::infinity())).bits != high;
  return wrong;
}

}  // namespace

TEST_CASE("every float16 has the value of its bits and survives the round trip") {
  int wrong = 0;
  for (int bits = 0; bits < kBits; ++bits) {
    const float value = static_cast<float>(f16_of(bits));
    const double expected = f16_value(bits);
    if (std::isnan(expected)) {
      wrong += !std::isnan(value) || !std::isnan(static_cast<float>(f16(value)));
    } else {
      wrong += static_cast<double>(value) != expected || f16(value).bits != bits;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("every bfloat16 has the value of its bits and survives the round trip") {
  int wrong = 0;
  for (int bits = 0; bits < kBits; ++bits) {
    const float value = static_cast<float>(bf16_of(bits));
    wrong += std::bit_cast<std::uint32_t>(value) != static_cast<std::uint32_t>(bits) << 16;
    wrong +=
        std::isnan(value) ? !std::isnan(static_cast<float>(bf16(value))) : bf16(value).bits != bits;
  }
  CHECK(wrong == 0);
}

TEST_CASE("floats between two float16 round to the nearest, ties to even") {
  int wrong = 0;
  for (int bits = 0; bits + 1 < 0x7c00; ++bits) {
    const float tie = static_cast<float>((f16_value(bits) + f16_value(bits + 1)) / 2);
    wrong += wrong_around_tie<f16>(tie, static_cast<std::uint16_t>(bits),
                                   static_cast<std::uint16_t>(bits + 1));
  }
  CHECK(wrong == 0);
  // Past the largest number, 65504, the tie at 65520 goes to infinity.
  CHECK(f16(std::nextafter(65520.0f, 0.0f)).bits == 0x7bff);
  CHECK(f16(65520.0f).bits == 0x7c00);
  CHECK(f16(-65520.0f).bits == 0xfc00);
  CHECK(f16(std::numeric_limits<float>::denorm_min()).bits == 0);
}

TEST_CASE("floats between two bfloat16 round to the nearest, ties to even") {
  int wrong = 0;
  for (int bits = 0; bits + 1 < 0x7f80; ++bits) {
    const float tie = std::bit_cast<float>((static_cast<std::uint32_t>(bits) << 16) | 0x8000u);
    wrong += wrong_around_tie<bf16>(tie, static_cast<std::uint16_t>(bits),
                                    static_cast<std::uint16_t>(bits + 1));
  }
  CHECK(wrong == 0);
  CHECK(bf16(std::numeric_limits<float>::max()).bits == 0x7f80);
}

TEST_CASE("signs and infinities of half types are kept") {
  const float inf = std::numeric_limits<float>::infinity();
  CHECK(f16(inf).bits == 0x7c00);
  CHECK(f16(-inf).bits == 0xfc00);
  CHECK(bf16(-inf).bits == 0xff80);
  CHECK(f16(-0.0f).bits == 0x8000);
  CHECK(bf16(-0.0f).bits == 0x8000);
}
