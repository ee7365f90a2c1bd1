// Sums over a row for *.simd.cpp files: blocks of kBlock elements in eight vector accumulators,
// joined in a fixed tree, the blocks added in double. The result depends on n and the instruction
// set alone, and its error does not grow with n.
#pragma once
#include "tinytorch/kernels/row_map.hpp"

namespace tt::kernels::TT_ISA {

inline constexpr std::size_t kSumAccumulators = 8;
inline constexpr std::size_t kSumBlock = 64 * kSumAccumulators * W;

// term(acc, i, count) returns acc plus the terms of elements i .. i + count. `ahead(i)` is called
// once per step of kSumAccumulators vectors, to prefetch.
inline float join_accumulators(F32 (&acc)[kSumAccumulators]) {
  TT_UNROLL for (std::size_t half = kSumAccumulators / 2; half > 0; half /= 2) {
    TT_UNROLL for (std::size_t k = 0; k < half; ++k) acc[k] = acc[k] + acc[k + half];
  }
  return sum_lanes(acc[0]);
}

template <class Term, class Ahead>
inline float block_sum(std::size_t begin, std::size_t end, Term term, Ahead ahead) {
  F32 acc[kSumAccumulators];
  TT_UNROLL for (F32& a : acc) a = F32(0.0f);
  std::size_t i = begin;
  for (; i + kSumAccumulators * W <= end; i += kSumAccumulators * W) {
    ahead(i);
    TT_UNROLL for (std::size_t j = 0; j < kSumAccumulators; ++j) {
      acc[j] = term(acc[j], i + j * W, W);
    }
  }
  const std::size_t rest = end - i;
  TT_UNROLL for (std::size_t j = 0; j < kSumAccumulators; ++j) {
    if ((j + 1) * W <= rest) {
      acc[j] = term(acc[j], i + j * W, W);
    } else if (j * W < rest) {
      acc[j] = term(acc[j], i + j * W, rest - j * W);
    }
  }
  return join_accumulators(acc);
}

// A whole block of a long row: each accumulator has a place of its own (see kLane).
template <class Term>
inline float spread_block_sum(std::size_t begin, Term term) {
  F32 acc[kSumAccumulators];
  TT_UNROLL for (F32& a : acc) a = F32(0.0f);
  constexpr std::size_t kGroup = kSumAccumulators * kLane;
  static_assert(kSumBlock % kGroup == 0);
  for (std::size_t i = begin; i < begin + kSumBlock; i += kGroup) {
    for (std::size_t j = i; j < i + kLane; j += W) {
      TT_UNROLL for (std::size_t k = 0; k < kSumAccumulators; ++k) {
        acc[k] = term(acc[k], j + k * kLane, W);
      }
    }
  }
  return join_accumulators(acc);
}

template <class Term, class Ahead>
inline float row_sum(std::size_t n, Term term, Ahead ahead) {
  if (n <= kSumBlock) return block_sum(0, n, term, ahead);
  double total = 0;
  std::size_t begin = 0;
  for (; begin + kSumBlock <= n; begin += kSumBlock) {
    total += static_cast<double>(spread_block_sum(begin, term));
  }
  total += static_cast<double>(block_sum(begin, n, term, ahead));
  return static_cast<float>(total);
}
template <class Term>
inline float row_sum(std::size_t n, Term term) {
  return row_sum(n, term, [](std::size_t) {});
}

}  // namespace tt::kernels::TT_ISA
