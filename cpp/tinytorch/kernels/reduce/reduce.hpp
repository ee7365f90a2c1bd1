// Reductions of one contiguous row of floats to a value; n may be 0 (sum 0, prod 1).
// Sums use several partial accumulators joined in a fixed tree: the result depends on the
// instruction set and n, never on alignment or threads. max and min return NaN if any x is NaN and
// need n >= 1. Of a reduction over an outer axis there are sums; the rest is elementwise:
// binary.hpp.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tt::kernels {

struct ReduceTable {
  float (*sum)(const float* x, std::size_t n);
  float (*prod)(const float* x, std::size_t n);
  float (*max)(const float* x, std::size_t n);
  float (*min)(const float* x, std::size_t n);
  float (*sum_squared_difference)(const float* x, std::size_t n, float center);  // sum (x - c)^2
  float (*dot)(const float* a, const float* b, std::size_t n);
  // sums[j] = x[0][j] + x[1][j] + ... of rows `stride` floats apart: runs of rows in order, then
  // the runs, whichever columns are asked for.
  void (*column_sums)(const float* x, std::int64_t stride, std::int64_t rows, std::int64_t cols,
                      float* sums);
};

}  // namespace tt::kernels
