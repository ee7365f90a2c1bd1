// The loop of everything that writes a row, for *.simd.cpp files: whole vectors, then the rest
// through the same vector code, with ordinary or streamed stores.
#pragma once
#include "tinytorch/kernels/simd.hpp"

namespace tt::kernels::TT_ISA {

inline F32 load_part(const float* p, std::size_t count, float fill = 0.0f) {
  return count == W ? load(p) : load_n(p, count, fill);
}
inline void store_part(float* p, std::size_t count, F32 v) {
  if (count == W) {
    store(p, v);
  } else {
    store_n(p, count, v);
  }
}

// Walking a large array at several places of one page side by side keeps more of its cache lines on
// the way than walking it in order: the places are kLane elements apart.
inline constexpr std::size_t kLane = 128;

// y[i] .. y[i + count - 1] = f(i, count), count = W but at the ends of the row. ahead(i) is called
// for the cache lines of elements i that are soon needed, to prefetch them.
template <bool Streamed, class F, class Ahead>
inline void row_map(float* y, std::size_t n, F f, Ahead ahead) {
  const std::size_t lead = Streamed ? until_aligned(y, n) : 0;
  std::size_t i = lead;
  if constexpr (Streamed) {
    for (; i + 4 * kLane <= n; i += 4 * kLane) {
      for (std::size_t j = i; j < i + kLane; j += kLine) {
        for (std::size_t k = j; k < j + 4 * kLane; k += kLane) {
          ahead(k + 4 * kLane);
          for (std::size_t v = k; v < k + kLine; v += W) stream(y + v, f(v, W));
        }
      }
    }
  } else {
    for (; i + 2 * kLine <= n; i += 2 * kLine) {
      ahead(i + kAhead);
      ahead(i + kAhead + kLine);
      for (std::size_t j = i; j < i + 2 * kLine; j += W) store(y + j, f(j, W));
    }
  }
  for (; i + W <= n; i += W) put<Streamed>(y + i, f(i, W));
  // Both ends at one place: every copy of f makes it less likely that the compiler inlines it.
  const std::size_t begin[] = {0, i}, end[] = {lead, n};
  for (std::size_t part = 0; part < 2; ++part) {
    const std::size_t start = begin[part], count = end[part] - start;
    if (count > 0) store_n(y + start, count, f(start, count));
  }
}
template <bool Streamed, class F>
inline void row_map(float* y, std::size_t n, F f) {
  row_map<Streamed>(y, n, f, [](std::size_t) {});
}

// How far ahead a kernel that works row by row prefetches: the next row, so that memory is busy
// during the passes over this one; less where rows are too short to hide the wait, or too long to
// stay in a cache.
inline std::size_t next_row(std::size_t n) {
  constexpr std::size_t kLongest = 65536;
  return n < kAhead || n > kLongest ? kAhead : n;
}

}  // namespace tt::kernels::TT_ISA
