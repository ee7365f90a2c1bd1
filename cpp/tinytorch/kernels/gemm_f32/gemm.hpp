// Matrix product C[m, n] = A[m, k] B[k, n] (+ C) (+ bias), float32, any strides for A and B.
// Three stages: front (gemm.cpp: special shapes), middle (blocked.cpp: cache blocking, packing,
// threads), back (gemm_f32.simd.cpp: the micro-kernels).
//
// Every element of C is made in one order, whatever the path, the shape and the threads:
//   for each block of kGemmDepth values of p, in rising order:
//     s = 0;  s = fma(A[i, p], B[p, j], s) for p in the block (multiply, then add, where the
//     instruction set has no fma);  C[i, j] = s for the first block, else C[i, j] + s
// with `accumulate` the first block adds too; bias[j] is added last. So results are equal for any
// thread count, and a row of C does not depend on the number of rows: a batch gives the same bits
// as its rows one by one. C must not overlap A, B or bias.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tt::kernels {

inline constexpr std::int64_t kGemmDepth = 1024;

template <class T>
struct GemmOf {
  std::int64_t m = 0, n = 0, k = 0;
  const T* a = nullptr;
  std::int64_t a_row = 0, a_col = 1;  // strides in elements, of either sign or 0
  const T* b = nullptr;
  std::int64_t b_row = 0, b_col = 1;
  T* c = nullptr;
  std::int64_t c_row = 0;   // columns of C are contiguous
  bool accumulate = false;  // add to what C holds
  const T* bias = nullptr;  // n values added to every row; null: none
};
using Gemm = GemmOf<float>;

void gemm(const Gemm& g);  // parallel; k = 0 gives zeros (or C), plus bias

// One call of a micro-kernel: C[rows, cols] (+)= A[rows, k] B[k, cols] (+ bias), k <= kGemmDepth.
struct GemmTile {
  std::int64_t k;
  const float* a;
  std::int64_t a_row, a_step;  // A[i, p] is a[i * a_row + p * a_step]; packed: 1 and mr
  const float* b;
  std::int64_t b_step;  // B[p, j] is b[p * b_step + j]
  bool b_padded;        // whole vectors may be read beyond cols, up to nr
  float* c;
  std::int64_t c_row;
  int rows, cols;                 // at most mr, nr
  bool accumulate;                // add to C instead of replacing it
  const float* bias;              // of the tile's columns; null: none
  const float* b_next = nullptr;  // what to fetch meanwhile, as B; null: B itself, some steps ahead
  std::int64_t b_next_step = 0;   // of it, for each step of B
};

// A single row times packed panels, several of which are read side by side: one pass over k, at
// most kGemmDepth of it. y (+)= x B (+ bias), cols values.
struct GemmRow {
  std::int64_t k;
  const float* x;
  const float* panels;  // [k][nr] each, one after the other
  std::int64_t cols;
  float* y;
  bool accumulate;
  const float* bias;  // null: none
};

// Neighbouring strips of a matrix, to panels for the micro-kernels: of A with width = mr, of B with
// width = nr.
//   out[j * out_panel + p * width + i] = source[(j * width + i) * across + p * along], p < depth,
// with zeros where j * width + i >= count.
struct PanelCopy {
  const float* source;
  std::int64_t across, along;
  std::int64_t count, depth, width;
  float* out;
  std::int64_t out_panel;
};

// The micro-kernels of one instruction set.
struct GemmTable {
  int mr, nr;
  void (*tile)(const GemmTile& t);
  void (*pack)(const PanelCopy& c);
  // y[n] (+)= x[k] B[k, n] (+ bias), any k, for one row of A; x is read at x[p * x_step].
  void (*row_times_matrix)(std::int64_t k, std::int64_t n, const float* x, std::int64_t x_step,
                           const float* b, std::int64_t b_row, float* y, bool accumulate,
                           const float* bias);
  void (*row_times_panels)(const GemmRow& r);
};

}  // namespace tt::kernels
