// Reductions of one contiguous row of floats to a value; n may be 0 (sum 0, prod 1).
// Sums use several partial accumulators joined in a fixed tree: the result depends on the
// instruction set and n, never on alignment or threads. max and min return NaN if any x is NaN and
// need n >= 1. Reduction over an outer axis is elementwise accumulation: binary.hpp.
#pragma once
#include <cstddef>

namespace tt::kernels {

struct ReduceTable {
  float (*sum)(const float* x, std::size_t n);
  float (*prod)(const float* x, std::size_t n);
  float (*max)(const float* x, std::size_t n);
  float (*min)(const float* x, std::size_t n);
  float (*sum_squared_difference)(const float* x, std::size_t n, float center);  // sum (x - c)^2
  float (*dot)(const float* a, const float* b, std::size_t n);
};

}  // namespace tt::kernels
