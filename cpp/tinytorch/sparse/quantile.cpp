// Magnitudes as unsigned bits are in the order of the floats. One pass counts them in coarse
// buckets, a second collects the few of the bucket that holds the wanted ranks.
#include "tinytorch/sparse/quantile.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace tt::sparse {
namespace {

constexpr int kCoarse = 16;  // bits dropped by a bucket
constexpr std::uint32_t kInfinity = 0x7f800000u;

std::uint32_t magnitude_bits(float v) { return std::bit_cast<std::uint32_t>(v) & 0x7fffffffu; }
double value_of(std::uint32_t bits) { return static_cast<double>(std::bit_cast<float>(bits)); }

std::vector<index_t> bucket_counts(const float* w, index_t n) {
  std::vector<index_t> count(std::size_t{1} << (31 - kCoarse), 0);
  for (index_t i = 0; i < n; ++i) ++count[magnitude_bits(w[i]) >> kCoarse];
  return count;
}

// NaNs are in the buckets from that of infinity up, where finite numbers are not.
bool has_nan(const float* w, index_t n, const std::vector<index_t>& count) {
  const auto top = count.begin() + (kInfinity >> kCoarse);
  return std::any_of(top, count.end(), [](index_t c) { return c > 0; }) &&
         std::any_of(w, w + n, [](float v) { return std::isnan(v); });
}

// The magnitudes of rank `rank` and `rank + 1` (the last is its own successor).
std::pair<std::uint32_t, std::uint32_t> ranked(const float* w, index_t n, index_t rank,
                                               const std::vector<index_t>& count) {
  const index_t next = std::min(rank + 1, n - 1);
  std::uint32_t first = 0, last = 0;
  index_t below = 0;  // elements in buckets before `first`
  while (below + count[first] <= rank) below += count[first++];
  index_t up_to = below + count[first];
  for (last = first; up_to <= next;) up_to += count[++last];
  std::vector<std::uint32_t> near;
  near.reserve(static_cast<std::size_t>(up_to - below));
  for (index_t i = 0; i < n; ++i) {
    const std::uint32_t bits = magnitude_bits(w[i]);
    if (bits >> kCoarse >= first && bits >> kCoarse <= last) near.push_back(bits);
  }
  const auto at = near.begin() + (rank - below);
  std::nth_element(near.begin(), at, near.end());
  return {*at, next == rank ? *at : *std::min_element(at + 1, near.end())};
}

}  // namespace

double magnitude_quantile(const Array& array, double q) {
  if (!(q >= 0.0 && q <= 1.0)) fail<ValueError>("a quantile must lie in [0, 1], got ", q);
  if (array.size() == 0) fail<ValueError>("an empty array has no quantile");
  const Array values = array.astype(DType::f32).contiguous();
  const float* w = values.data<float>();
  const index_t n = values.size();
  const std::vector<index_t> count = bucket_counts(w, n);
  if (has_nan(w, n, count)) return std::numeric_limits<double>::quiet_NaN();
  const double position = q * static_cast<double>(n - 1);
  const double rank = std::floor(position);
  const auto [low, high] = ranked(w, n, static_cast<index_t>(rank), count);
  const double fraction = position - rank;
  if (fraction == 0.0 || low == high) return value_of(low);  // infinities included
  return value_of(low) + fraction * (value_of(high) - value_of(low));
}

}  // namespace tt::sparse
