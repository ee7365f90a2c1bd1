#include "tinytorch/base/rng.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "tinytorch/base/error.hpp"
#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/base/thread_pool.hpp"

namespace tt {
namespace {

constexpr std::int64_t kBlocksPerChunk = 4096;

// out[4 b + j] = value j of block b, for all blocks, in parallel.
template <class Fn>
void fill_blocks(std::uint64_t seed, std::uint64_t first, float* out, std::int64_t n, Fn value) {
  const std::int64_t blocks = (n + 3) / 4;
  parallel_for(blocks, kBlocksPerChunk, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) {
      const std::array<float, 4> v = value(philox(seed, first + static_cast<std::uint64_t>(b)));
      std::copy_n(v.begin(), std::min<std::int64_t>(4, n - 4 * b), out + 4 * b);
    }
  });
}

// Two normals from two uniforms. In double, then rounded: libm's last-bit differences between
// machines vanish in all but about one value in 2^28.
std::pair<float, float> box_muller(std::uint32_t a, std::uint32_t b) {
  const double u = (static_cast<double>(a) + 1.0) * 0x1p-32;  // (0, 1]
  const double angle = 2.0 * std::numbers::pi * (static_cast<double>(b) * 0x1p-32);
  const double radius = std::sqrt(-2.0 * std::log(u));
  return {static_cast<float>(radius * std::cos(angle)),
          static_cast<float>(radius * std::sin(angle))};
}

}  // namespace

std::array<std::uint32_t, 4> philox(std::uint64_t seed, std::uint64_t counter,
                                    std::uint64_t stream) {
  std::array<std::uint32_t, 4> x = {
      static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32),
      static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)};
  std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * x[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * x[2];
    x = {static_cast<std::uint32_t>(p1 >> 32) ^ x[1] ^ k0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ x[3] ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return x;
}

void Generator::uniform(float* out, std::int64_t n, float low, float high) {
  const std::uint64_t first = position_;
  position_ += static_cast<std::uint64_t>((n + 3) / 4);
  fill_blocks(seed_, first, out, n, [=](const std::array<std::uint32_t, 4>& r) {
    std::array<float, 4> v;
    for (int j = 0; j < 4; ++j) v[j] = low + (high - low) * to_unit_float(r[j]);
    return v;
  });
}

void Generator::normal(float* out, std::int64_t n, float mean, float stddev) {
  const std::uint64_t first = position_;
  position_ += static_cast<std::uint64_t>((n + 3) / 4);
  fill_blocks(seed_, first, out, n, [=](const std::array<std::uint32_t, 4>& r) {
    const auto [a, b] = box_muller(r[0], r[1]);
    const auto [c, d] = box_muller(r[2], r[3]);
    return std::array<float, 4>{mean + stddev * a, mean + stddev * b, mean + stddev * c,
                                mean + stddev * d};
  });
}

std::uint64_t Generator::below(std::uint64_t bound) {
  if (bound == 0) fail<ValueError>("below(bound) needs a bound of at least 1, got 0");
  const std::uint64_t reject = (0 - bound) % bound;  // 2^64 mod bound
  for (;;) {
    const auto r = philox(seed_, position_++);
    const std::uint64_t x = (std::uint64_t{r[1]} << 32) | r[0];
    if (x >= reject) return x % bound;
  }
}

void Generator::permutation(std::int64_t* out, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = i;
  for (std::int64_t i = n - 1; i > 0; --i) {
    if (i % 65536 == 0) throw_if_interrupted();
    std::swap(out[i], out[below(static_cast<std::uint64_t>(i) + 1)]);
  }
}

Generator& default_generator() {
  static Generator generator(0);
  return generator;
}

}  // namespace tt
