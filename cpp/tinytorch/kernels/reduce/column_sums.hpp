// Sums of columns: some vectors of neighbouring columns stay in registers while rows pass.
#pragma once
#include "tinytorch/kernels/simd.hpp"

namespace tt::kernels::TT_ISA {

constexpr int kColumnVectors = 8;
constexpr std::int64_t kRowRun = 256;   // rows summed before they join the rest
constexpr std::int64_t kRowsAhead = 8;  // the prefetcher does not follow pieces of long rows

// Columns of V vectors, the last of which has `last` columns.
template <int V>
struct ColumnStrip {
  const float* x;
  std::int64_t stride;
  std::size_t last;

  [[gnu::always_inline]] void add(std::int64_t row, F32 (&sums)[V]) const {
    const float* from = x + row * stride;
    TT_UNROLL for (int v = 0; v < V - 1; ++v) sums[v] = sums[v] + load(from + v * W);
    const float* rest = from + (V - 1) * W;
    sums[V - 1] = sums[V - 1] + (last == W ? load(rest) : load_n(rest, last));
  }
  void run(std::int64_t begin, std::int64_t end, std::int64_t rows, F32 (&totals)[V]) const {
    F32 sums[V];
    TT_UNROLL for (int v = 0; v < V; ++v) sums[v] = F32(0.0f);
    for (std::int64_t r = begin; r < end; ++r) {
      if (r + kRowsAhead < rows) {
        const float* ahead = x + (r + kRowsAhead) * stride;
        for (std::size_t i = 0; i < V * W; i += 16) __builtin_prefetch(ahead + i);
      }
      add(r, sums);
    }
    TT_UNROLL for (int v = 0; v < V; ++v) totals[v] = totals[v] + sums[v];
  }
};

template <int V>
inline void strip_sums(const float* x, std::int64_t stride, std::int64_t rows, std::size_t last,
                       float* out) {
  const ColumnStrip<V> strip{x, stride, last};
  F32 totals[V];
  TT_UNROLL for (int v = 0; v < V; ++v) totals[v] = F32(0.0f);
  for (std::int64_t r = 0; r < rows; r += kRowRun) {
    strip.run(r, r + kRowRun < rows ? r + kRowRun : rows, rows, totals);
  }
  TT_UNROLL for (int v = 0; v < V - 1; ++v) store(out + v * W, totals[v]);
  float* rest = out + (V - 1) * W;
  last == W ? store(rest, totals[V - 1]) : store_n(rest, last, totals[V - 1]);
}

template <int V = kColumnVectors>
inline void column_sums(const float* x, std::int64_t stride, std::int64_t rows, std::int64_t cols,
                        float* sums) {
  constexpr auto kWidth = static_cast<std::int64_t>(W);
  std::int64_t j = 0;
  for (; j + V * kWidth <= cols; j += V * kWidth) {
    strip_sums<V>(x + j, stride, rows, W, sums + j);
  }
  if (j == cols) return;
  if constexpr (V > 1) {
    column_sums<V / 2>(x + j, stride, rows, cols - j, sums + j);
  } else {
    strip_sums<1>(x + j, stride, rows, static_cast<std::size_t>(cols - j), sums + j);
  }
}

}  // namespace tt::kernels::TT_ISA
