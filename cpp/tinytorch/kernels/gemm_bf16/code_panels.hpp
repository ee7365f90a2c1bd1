// Products on one thread with a matrix B (k x n) that lies in panels of bfloat16, for work that
// others share out: what gemm_f32/panels.hpp is for floats.
#pragma once
#include "tinytorch/kernels/gemm_bf16/gemm_bf16.hpp"
#include "tinytorch/kernels/gemm_f32/panels.hpp"

namespace tt::kernels {

// Whether products of values that are rounded first are faster than those of floats, in groups
// small enough for all that is here.
bool multiplies_codes(const GemmBf16Table& table);

struct CodePanelView {
  const GemmBf16Table* table = nullptr;
  const std::byte* data = nullptr;
  std::int64_t k = 0, n = 0;

  // out.y (+)= bf16(A) B (+ bias). Rows of A are contiguous. A row's result does not depend on the
  // others.
  void multiply(const Rows& rows, const PanelOutput& out) const;
  // The same of rows of codes, k of them, an even number, without gaps.
  void multiply_codes(const std::uint16_t* rows, std::int64_t count, const PanelOutput& out) const;
};

// C (m x n) (+)= A^T B for codes A (k x m) and B (k x n), all without gaps; m and n are multiples
// of 16.
void multiply_turned_codes(const GemmBf16Table& table, const std::uint16_t* a,
                           const std::uint16_t* b, std::int64_t m, std::int64_t n, std::int64_t k,
                           bool accumulate, float* c);

}  // namespace tt::kernels
