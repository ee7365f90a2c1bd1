// Products of bfloat16 values: weights packed once, and plain matrices packed on the way.
#pragma once
#include "tinytorch/kernels/gemm_bf16/gemm_bf16.hpp"
#include "tinytorch/kernels/packed_panels.hpp"

namespace tt::kernels {

struct PackedBf16 : PackedPanels {
  const GemmBf16Table* table = nullptr;  // the instruction set it is packed for
};

// B[k, n] with B[p, j] = b[p * row + j * col], rounded to bfloat16. Parallel over columns.
PackedBf16 pack_bf16(const float* b, std::int64_t row, std::int64_t col, std::int64_t k,
                     std::int64_t n);  // for active()
PackedBf16 pack_bf16(const float* b, std::int64_t row, std::int64_t col, std::int64_t k,
                     std::int64_t n, const GemmBf16Table& table);

// Column j of B as rounded: out[k].
void unpack_column(const PackedBf16& b, std::int64_t j, float* out);

// out.y[m, n] (+)= bf16(a) B (+ bias); rows of A are contiguous, a_row apart. Parallel; the same
// bits for any thread count, and for a row alone as among others. k = 0 gives zeros (or y), plus
// bias.
void gemm_bf16(const float* a, std::int64_t m, std::int64_t a_row, const PackedBf16& b,
               const PanelOutput& out);

}  // namespace tt::kernels
