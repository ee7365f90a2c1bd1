// Float products with a constant right side, packed once: y (+)= A B (+ bias).
// Sums are those of gemm.hpp, element by element, so that a packed product has the bits of a plain
// one, and a row alone those of a row among others.
#pragma once
#include "tinytorch/kernels/gemm_f32/gemm.hpp"
#include "tinytorch/kernels/packed_panels.hpp"

namespace tt::kernels {

struct PackedF32 {
  const GemmTable* table = nullptr;  // the instruction set it is packed for
  std::int64_t n = 0, k = 0;
  // For each pass of kGemmDepth values of k: [panels][depth][nr], zeros beyond n.
  PageBuffer weights;

  std::int64_t padded_columns() const { return (n + table->nr - 1) / table->nr * table->nr; }
  // The panel of columns [column, column + nr) in the pass that begins at depth p.
  const float* panel(std::int64_t p, std::int64_t column) const;
};

// B[k, n] with B[p, j] = b[p * row + j * col]. Parallel over columns.
PackedF32 pack_f32(const float* b, std::int64_t row, std::int64_t col, std::int64_t k,
                   std::int64_t n);  // for active()
PackedF32 pack_f32(const float* b, std::int64_t row, std::int64_t col, std::int64_t k,
                   std::int64_t n, const GemmTable& table);

// Column j of B again: out[k].
void unpack_column(const PackedF32& b, std::int64_t j, float* out);

// Rows of A are contiguous, a_row apart. Parallel. k = 0 gives zeros (or y), plus bias.
void gemm_packed(const float* a, std::int64_t m, std::int64_t a_row, const PackedF32& b,
                 const PanelOutput& out);

// The same on this thread alone and not counted as a call, for parts of larger work; k >= 1.
void gemm_packed_here(const float* a, std::int64_t m, std::int64_t a_row, const PackedF32& b,
                      const PanelOutput& out);

}  // namespace tt::kernels
