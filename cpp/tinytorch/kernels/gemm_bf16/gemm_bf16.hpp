// Micro-kernels of products of bfloat16 values with float32 sums: C = A B, A in float32, rounded to
// bfloat16 (nearest even) as it is encoded, B packed in bfloat16.
//
// Each instruction set sums in an order of its own, and the dot-product instructions count
// subnormal numbers as zero: results differ between instruction sets by float32 rounding. On one
// they do not depend on the number of rows or threads.
#pragma once
#include <cstddef>
#include <cstdint>

#include "tinytorch/kernels/panels.hpp"

namespace tt::kernels {

struct GemmBf16Table {
  PanelShape shape;
  void (*multiply)(const PanelProduct& p, const PanelOutput& out);
  // codes of x[0 .. n); n is rounded up to k_step with zeros.
  void (*encode)(const float* x, void* codes, std::size_t n);
  // The same of rows whose columns are contiguous: x[p * step + r] for 0 <= r < rows, p < k; rows
  // of codes are row_bytes apart.
  void (*encode_columns)(const float* x, std::int64_t step, std::int64_t rows, std::int64_t k,
                         void* codes, std::int64_t row_bytes);
  // One panel's groups of B: panel[g][c][s] = b[(g * k_step + s) * row + c * col], zeros where
  // c >= cols or the depth is beyond k.
  void (*pack)(const float* b, std::int64_t row, std::int64_t col, std::int64_t k,
               std::int64_t cols, void* panel);
  // The last two of values that are rounded already: bfloat16 rows of which 16, 32, ... are taken,
  // contiguous columns. Null where codes are not bfloat16.
  void (*turn_codes)(const std::uint16_t* x, std::int64_t step, std::int64_t rows, std::int64_t k,
                     void* codes, std::int64_t row_bytes);
  void (*pack_codes)(const std::uint16_t* b, std::int64_t row, std::int64_t k, std::int64_t cols,
                     void* panel);
};

}  // namespace tt::kernels
