// What the tests of the float kernels share: guarded buffers, error in units of the last place,
// special values, sizes, and the instruction sets worth running.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tinytorch/base/cpu.hpp"
#include "tinytorch/base/half.hpp"
#include "tinytorch/base/rng.hpp"
#include "tinytorch/kernels/dispatch.hpp"

namespace tt::kernels::test {

inline constexpr float kInf = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
inline constexpr double kEpsilon = 1.1920928955078125e-07;  // 2^-23

inline std::size_t count(std::int64_t n) { return static_cast<std::size_t>(n); }

// The next n of a generator that several arrays are drawn from.
inline std::vector<float> random_f32(std::int64_t n, Generator& g) {
  std::vector<float> v(count(n));
  g.normal(v.data(), n);
  return v;
}

// The values rounded to bfloat16.
inline std::vector<std::uint16_t> codes_of(const std::vector<float>& x) {
  std::vector<std::uint16_t> codes(x.size());
  std::transform(x.begin(), x.end(), codes.begin(), [](float v) { return bf16(v).bits; });
  return codes;
}

// The machine's instruction sets whose kernels of one family differ, e.g. isas(&Table::unary).
template <class Family>
std::vector<Isa> isas(Family Table::*family) {
  std::vector<Isa> found;
  for (Isa isa : supported_isas()) {
    const bool fresh =
        found.empty() ||
        std::memcmp(&(table(isa).*family), &(table(found.back()).*family), sizeof(Family)) != 0;
    if (fresh) found.push_back(isa);
  }
  return found;
}

// n values at `offset` elements from a 64-byte boundary, between guard zones that must not change.
template <class T>
class Guarded {
 public:
  explicit Guarded(std::size_t n, std::size_t offset = 0)
      : n_(n), bytes_((n + offset) * sizeof(T) + 3 * kZone, kGuard) {
    const auto address = reinterpret_cast<std::uintptr_t>(bytes_.data()) + kZone;
    const std::uintptr_t aligned = (address + 63) / 64 * 64 + offset * sizeof(T);
    start_ = aligned - reinterpret_cast<std::uintptr_t>(bytes_.data());
  }
  Guarded(const std::vector<T>& values, std::size_t offset) : Guarded(values.size(), offset) {
    if (n_ > 0) std::memcpy(data(), values.data(), n_ * sizeof(T));
  }
  T* data() { return reinterpret_cast<T*>(bytes_.data() + start_); }
  T& operator[](std::size_t i) { return data()[i]; }
  std::vector<T> values() { return std::vector<T>(data(), data() + n_); }
  bool intact() const {
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
      const bool inside = i >= start_ && i < start_ + n_ * sizeof(T);
      if (!inside && bytes_[i] != kGuard) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kZone = 128;
  static constexpr unsigned char kGuard = 0xA5;
  std::size_t n_, start_ = 0;
  std::vector<unsigned char> bytes_;
};

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

// Equal bits, or both NaN: which of two NaNs an operation passes on is the compiler's choice.
inline bool same_values(const float* a, const float* b, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    if (std::memcmp(a + i, b + i, sizeof(float)) != 0) return false;
  }
  return true;
}

// Distance between neighbouring floats at x.
inline double ulp(double x) {
  int exponent = 0;
  std::frexp(x, &exponent);
  return std::ldexp(1.0, std::min(std::max(exponent - 1, -126), 127) - 23);
}
// |y - exact| with infinity taken for 2^128, the first value that rounds to it; NaN matches NaN.
inline double error(float y, double exact) {
  if (std::isnan(y) || std::isnan(exact)) {
    return std::isnan(y) && std::isnan(exact) ? 0.0 : std::numeric_limits<double>::infinity();
  }
  const double top = std::ldexp(1.0, 128);
  const double want = std::min(std::max(exact, -top), top);
  const double got = std::min(std::max(static_cast<double>(y), -top), top);
  return std::fabs(got - want);
}
// error <= ulps * (unit in the last place of exact) + absolute
inline bool close(float y, double exact, double ulps, double absolute) {
  const double top = std::ldexp(1.0, 128);
  return error(y, exact) <= ulps * ulp(std::min(std::fabs(exact), top)) + absolute;
}

// Sizes around every vector width and unroll factor in use.
inline std::vector<std::size_t> sizes() {
  std::vector<std::size_t> all;
  for (std::size_t n = 0; n <= 70; ++n) all.push_back(n);
  for (std::size_t n : {127, 128, 129, 255, 511, 513, 1000, 4099}) all.push_back(n);
  return all;
}

inline std::vector<float> normal(std::size_t n, std::uint64_t seed, float scale = 1.0f) {
  std::vector<float> v(n);
  Generator generator(seed);
  generator.normal(v.data(), static_cast<std::int64_t>(n));
  for (float& x : v) x *= scale;
  return v;
}

inline std::vector<double> widen(const std::vector<float>& v) {
  return std::vector<double>(v.begin(), v.end());
}

// As bfloat16, by the scalar conversion, and back.
inline std::vector<std::uint16_t> codes(const std::vector<float>& v) {
  std::vector<std::uint16_t> out;
  for (const float x : v) out.push_back(bf16(x).bits);
  return out;
}
inline std::vector<float> widen_codes(const std::vector<std::uint16_t>& v) {
  std::vector<float> out;
  for (const std::uint16_t code : v) {
    bf16 x;
    x.bits = code;
    out.push_back(static_cast<float>(x));
  }
  return out;
}

inline std::vector<float> special_values() {
  return {0.0f,
          -0.0f,
          1.0f,
          -1.0f,
          kInf,
          -kInf,
          kNan,
          -kNan,
          1e-45f,
          -1e-45f,
          1.1754942e-38f,
          -1.1754942e-38f,
          1.17549435e-38f,
          3.4028235e38f,
          -3.4028235e38f,
          0.5f,
          -0.5f,
          2.0f,
          -2.0f,
          3.0f,
          -3.0f,
          88.0f,
          -88.0f,
          88.73f,
          -87.5f,
          -103.5f,
          -104.5f,
          104.0f,
          0.99999994f,
          1.0000001f,
          8192.0f,
          8193.0f,
          1e10f,
          -1e30f,
          16777216.0f,
          16777217.0f,
          2.5f,
          -2.5f};
}

}  // namespace tt::kernels::test
