// What bfloat16 products are made of, whether B was packed once or is packed on the way.
#pragma once
#include "tinytorch/kernels/gemm_bf16/gemm_bf16.hpp"
#include "tinytorch/kernels/packed_panels.hpp"

namespace tt::kernels {

// Element (i, j) is at[i * row + j * col].
struct Bf16Matrix {
  const float* at = nullptr;
  std::int64_t row = 0, col = 1;
};

// Codes of A[m, b.k], rows b.row_bytes() apart. Parallel.
void encode_bf16(const Bf16Matrix& a, std::int64_t m, const GemmBf16Table& table,
                 const PackedPanels& b, std::byte* codes);

// The panels of B[layout.k, layout.n]. Parallel.
void pack_panels_bf16(const Bf16Matrix& b, const GemmBf16Table& table, const PackedPanels& layout,
                      std::byte* panels);

// out.y[m, b.n] from codes and panels of b's layout. Parallel.
void multiply_bf16(const std::byte* codes, std::int64_t m, const GemmBf16Table& table,
                   const PackedPanels& b, const std::byte* panels, const PanelOutput& out);

}  // namespace tt::kernels
