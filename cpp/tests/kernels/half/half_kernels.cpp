// All half-precision numbers, and floats around every rounding border, against base/half.hpp.
#include <bit>
#include <cmath>

#include "kernels/kernel_support.hpp"
#include "tinytorch/base/half.hpp"
#include "tinytorch/kernels/half/half.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

std::uint16_t expected_bits(float x) { return f16(x).bits; }
bool is_nan(std::uint16_t h) { return (h & 0x7fff) > 0x7c00; }

}  // namespace

TEST_CASE("every half-precision number widens and comes back") {
  std::vector<std::uint16_t> all(65536);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  for (const Isa isa : supported_isas()) {
    CAPTURE(name_of(isa));
    const HalfTable& t = table(isa).half;
    std::vector<float> wide(all.size());
    t.widen(all.data(), wide.data(), all.size());
    std::vector<std::uint16_t> back(all.size());
    t.narrow(wide.data(), back.data(), all.size());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      f16 h;
      h.bits = all[i];
      const float value = static_cast<float>(h);
      if (std::isnan(value)) {
        wrong += !std::isnan(wide[i]) || !is_nan(back[i]);
      } else {
        wrong += std::bit_cast<std::uint32_t>(wide[i]) != std::bit_cast<std::uint32_t>(value) ||
                 back[i] != all[i];
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("floats round to the nearest half-precision number, halves to even") {
  std::vector<float> values;
  for (std::uint32_t i = 0; i < 65536; ++i) {  // around each border between two numbers
    f16 h;
    h.bits = static_cast<std::uint16_t>(i);
    const float value = static_cast<float>(h);
    if (std::isnan(value)) continue;
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (const std::uint32_t step : {0u, 1u, 0xfffu, 0x1000u, 0x1001u, 0x1fffu}) {
      values.push_back(std::bit_cast<float>(bits + step));
    }
  }
  for (const float v : {65519.0f, 65520.0f, 1e30f, INFINITY, 1e-8f, 0x1p-25f, 0x1.8p-25f, 1e-40f}) {
    values.push_back(v);
    values.push_back(-v);
  }
  for (const Isa isa : supported_isas()) {
    CAPTURE(name_of(isa));
    std::vector<std::uint16_t> got(values.size());
    table(isa).half.narrow(values.data(), got.data(), values.size());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (std::isnan(values[i])) {
        wrong += !is_nan(got[i]);
      } else {
        wrong += got[i] != expected_bits(values[i]);
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("half-precision arrays of any length") {
  for (const Isa isa : supported_isas()) {
    for (std::size_t n = 0; n < 40; ++n) {
      CAPTURE(name_of(isa), n);
      const std::vector<float> x = normal(n, 7);
      std::vector<std::uint16_t> h(n + 1, 0x1234);
      table(isa).half.narrow(x.data(), h.data(), n);
      CHECK(h[n] == 0x1234);
      Guarded<float> back(std::vector<float>(n, -1.0f), 1);
      table(isa).half.widen(h.data(), back.data(), n);
      CHECK(back.intact());
      for (std::size_t i = 0; i < n; ++i) {
        REQUIRE(back.values()[i] == Approx(x[i]).epsilon(1e-3).margin(1e-6));
      }
    }
  }
}

TEST_CASE("bfloat16 is widened, and floats rounded to it, as one by one") {
  std::vector<float> values = special_values();
  for (const float v : normal(4099, 61, 3.0f)) values.push_back(v);
  for (Isa isa : isas(&Table::half)) {
    for (std::size_t n : sizes()) {
      INFO(name_of(isa) << " n = " << n);
      Guarded<float> x(std::vector<float>(values.begin(), values.begin() + static_cast<long>(n)),
                       1);
      Guarded<std::uint16_t> narrow(n, 3);
      Guarded<float> wide(n, 2);
      table(isa).half.narrow_bf16(x.data(), narrow.data(), n);
      table(isa).half.widen_bf16(narrow.data(), wide.data(), n);
      CHECK(narrow.values() == codes(x.values()));
      CHECK(same_bits(wide.values(), widen_codes(narrow.values())));
      CHECK((x.intact() && narrow.intact() && wide.intact()));
    }
  }
}

TEST_CASE("floats round to int8 codes, halves to even, and codes widen") {
  std::vector<float> values{0.5f,   1.5f,   2.5f,    -0.5f,  -1.5f,
                            126.5f, 127.4f, -127.4f, 200.0f, -1e30f};
  for (const float v : normal(200, 3, 50.0f)) values.push_back(v);
  for (const Isa isa : isas(&Table::half)) {
    for (std::size_t n = 0; n < values.size(); ++n) {
      CAPTURE(name_of(isa), n);
      Guarded<std::int8_t> codes(n, 3);
      Guarded<float> wide(n, 2);
      table(isa).half.narrow_s8(values.data(), codes.data(), n, 0.75f);
      table(isa).half.widen_s8(codes.data(), wide.data(), n);
      REQUIRE((codes.intact() && wide.intact()));
      for (std::size_t i = 0; i < n; ++i) {
        const float exact = std::clamp(std::nearbyint(values[i] * 0.75f), -127.0f, 127.0f);
        REQUIRE(wide.values()[i] == exact);
      }
    }
  }
}
