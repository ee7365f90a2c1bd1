// The frame that products with packed constant weights share, whatever their number format:
// C[m, n] = A[m, k] B[n, k]^T with A encoded row by row and B packed once in panels of columns.
//   panel j: [groups][nr][k_step] weights of columns j * nr ..., zeros beyond n and k
// A group is k_step consecutive values of k, which one dot-product instruction takes together.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tt::kernels {

// How an instruction set wants operands, and in what pieces work is handed out.
struct PanelShape {
  int nr, k_step;               // of a panel
  int group_align;              // groups come in multiples of this
  int mr;                       // rows computed together
  int code_bytes;               // of an encoded value of A
  int weight_bytes;             // of a packed weight
  std::int64_t block_bytes;     // of A, at most, which stay in the second-level cache
  std::int64_t block_rows;      // of A, at most: some room is for B and the results
  std::int64_t chunk_products;  // multiply-adds worth a thread's attention
};

// What a micro-kernel is given: some rows of A, some whole panels of B.
struct PanelProduct {
  std::int64_t rows = 0;
  std::int64_t cols = 0;         // of all panels; the last may be partly used
  std::int64_t groups = 0;       // of k
  const std::byte* a = nullptr;  // encoded; each row has groups * k_step codes
  std::int64_t a_row = 0;        // bytes between rows
  const std::byte* b = nullptr;  // panels, one after the other
};

// Where float sums go: y (+)= sums (+ bias); rows of y are y_row apart.
struct PanelOutput {
  float* y = nullptr;
  std::int64_t y_row = 0;
  bool accumulate = false;
  const float* bias = nullptr;  // of the columns; null: none
};

}  // namespace tt::kernels
