// Matrix product C[m, n] = A[m, k] B[k, n] (+ C) (+ bias), float32, any strides for A and B.
// Three stages: front (gemm.cpp: shapes and strides to one canonical call), middle (blocked.cpp:
// cache blocking, packing, threads), back (gemm_f32.simd.cpp: the micro-kernel).
// Determinism: K is cut and summed in the same order for every thread count, and one row of C does
// not depend on the number of rows. C must not overlap A or B.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tt::kernels {

struct Gemm {
  std::int64_t m = 0, n = 0, k = 0;
  const float* a = nullptr;
  std::int64_t a_row = 0, a_col = 1;  // strides in elements
  const float* b = nullptr;
  std::int64_t b_row = 0, b_col = 1;
  float* c = nullptr;
  std::int64_t c_row = 0;           // columns of C are contiguous
  bool accumulate = false;          // add to what C holds
  const float* bias = nullptr;      // n floats added to every row; null: none
};

void gemm(const Gemm& g);  // parallel; k = 0 gives zeros (or C, or bias)

// The micro-kernel of one instruction set.
//   tile(k, a, b, c, c_row, rows, cols, accumulate):
//     C[rows, cols] = sum_p a[p, :] b[p, :] with a packed k x mr and b packed k x nr,
//     both padded with zeros; rows <= mr, cols <= nr.
struct GemmTable {
  int mr, nr;
  void (*tile)(std::int64_t k, const float* a, const float* b, float* c, std::int64_t c_row,
               int rows, int cols, bool accumulate);
  // y[n] = x[k] B[k, n] with contiguous rows of B (stride b_row): for few rows of A.
  void (*row_times_matrix)(std::int64_t k, std::int64_t n, const float* x, std::int64_t x_step,
                           const float* b, std::int64_t b_row, float* y, bool accumulate);
};

}  // namespace tt::kernels
