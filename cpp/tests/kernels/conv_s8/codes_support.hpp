// Codes for tests, as each instruction set stores them.
#pragma once
#include <cmath>
#include <vector>

#include "kernels/kernel_support.hpp"
#include "tinytorch/kernels/conv_s8/reference.hpp"
#include "tinytorch/kernels/gemm_s8/packed_s8.hpp"

namespace tt::kernels::test {

using Bytes = std::vector<std::uint8_t>;

// Codes as an instruction set stores them.
inline Bytes stored(const Bytes& u, const GemmS8Table& t) {
  Bytes out;
  for (const int v : u) {
    const int q = v - 128 + t.zero_code;
    out.push_back(static_cast<std::uint8_t>(q & 255));
    if (t.shape.code_bytes == 2) out.push_back(static_cast<std::uint8_t>((q >> 8) & 255));
  }
  return out;
}

// Below `end`.
inline Bytes random_codes(std::int64_t n, std::uint64_t seed, std::uint64_t end = 256) {
  Bytes u(count(n));
  Generator g(seed);
  for (auto& v : u) v = static_cast<std::uint8_t>(g.below(end));
  return u;
}
inline std::vector<std::int32_t> random_sums(std::int64_t n, std::uint64_t seed) {
  std::vector<std::int32_t> v(count(n));
  Generator g(seed);
  for (auto& s : v) s = static_cast<std::int32_t>(g.below(200001)) - 100000;
  return v;
}

inline std::vector<std::int8_t> random_weights(std::int64_t n, std::uint64_t seed) {
  std::vector<std::int8_t> w(count(n));
  Generator g(seed);
  for (auto& v : w) v = static_cast<std::int8_t>(static_cast<int>(g.below(255)) - 127);
  return w;
}
inline std::vector<float> random_scales(std::int64_t n, std::uint64_t seed) {
  auto scales = normal(count(n), seed);
  for (auto& s : scales) s = std::fabs(s) * 1e-3f + 1e-5f;
  return scales;
}

// fn(kernels of codes, kernels of products)
template <class Fn>
void each_isa(Fn fn) {
  for (const Isa isa : isas(&Table::conv_s8)) {
    CAPTURE(name_of(isa));
    fn(table(isa).conv_s8, table(isa).gemm_s8);
  }
}

// `make(out)` fills n codes; they must be `want`, stored as f stores them, and nothing beside.
template <class Make>
void require_codes(const Bytes& want, const GemmS8Table& f, Make make) {
  const Bytes expected = stored(want, f);
  Guarded<std::uint8_t> got(expected.size(), 4);
  make(got.data());
  REQUIRE(got.intact());
  REQUIRE(got.values() == expected);
}

}  // namespace tt::kernels::test
