// Sums over a row for *.simd.cpp files: blocks of kBlock elements in eight vector accumulators,
// joined in a fixed tree, the blocks added in double. The result depends on n and the instruction
// set alone, and its error does not grow with n.
#pragma once
#include "tinytorch/kernels/simd.hpp"

namespace tt::kernels::TT_ISA {

inline constexpr std::size_t kSumAccumulators = 8;
inline constexpr std::size_t kSumBlock = 64 * kSumAccumulators * W;

// term(acc, i, count) returns acc plus the terms of elements i .. i + count.
template <class Term>
inline float block_sum(std::size_t begin, std::size_t end, Term term) {
  F32 acc[kSumAccumulators];
  for (F32& a : acc) a = F32(0.0f);
  std::size_t i = begin;
  for (; i + kSumAccumulators * W <= end; i += kSumAccumulators * W) {
    for (std::size_t j = 0; j < kSumAccumulators; ++j) acc[j] = term(acc[j], i + j * W, W);
  }
  std::size_t j = 0;
  for (; i + W <= end; i += W, ++j) acc[j] = term(acc[j], i, W);
  if (i < end) acc[j] = term(acc[j], i, end - i);
  for (std::size_t half = kSumAccumulators / 2; half > 0; half /= 2) {
    for (std::size_t k = 0; k < half; ++k) acc[k] = acc[k] + acc[k + half];
  }
  return sum_lanes(acc[0]);
}

template <class Term>
inline float row_sum(std::size_t n, Term term) {
  if (n <= kSumBlock) return block_sum(0, n, term);
  double total = 0;
  for (std::size_t begin = 0; begin < n; begin += kSumBlock) {
    const std::size_t end = begin + kSumBlock < n ? begin + kSumBlock : n;
    total += static_cast<double>(block_sum(begin, end, term));
  }
  return static_cast<float>(total);
}

inline F32 load_part(const float* p, std::size_t count, float fill = 0.0f) {
  return count == W ? load(p) : load_n(p, count, fill);
}

}  // namespace tt::kernels::TT_ISA
