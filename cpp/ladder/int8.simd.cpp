#include "int8.hpp"

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/gemm_s8/dot.simd.hpp"

namespace tt::kernels::TT_ISA {
namespace {

using ladder::Int8Problem;

// Step 1, the definition. Both operands are read along rows. Integers may be added in any order, so
// the compiler uses vectors here at once.
void naive(const Int8Problem& p) {
  for (std::int64_t i = 0; i < p.n; ++i) {
    for (std::int64_t j = 0; j < p.n; ++j) {
      std::int32_t sum = 0;
      for (std::int64_t k = 0; k < p.n; ++k) {
        sum += std::int32_t{p.a[i * p.n + k]} * std::int32_t{p.b[j * p.n + k]};
      }
      p.c[i * p.n + j] = sum;
    }
  }
}

// Step 2: 2 x 2 sums at once. Four values are loaded and widened for four products instead of
// eight.
void blocked(const Int8Problem& p) {
  for (std::int64_t i = 0; i < p.n; i += 2) {
    for (std::int64_t j = 0; j < p.n; j += 2) {
      const std::int8_t *a0 = p.a + i * p.n, *a1 = a0 + p.n;
      const std::int8_t *b0 = p.b + j * p.n, *b1 = b0 + p.n;
      std::int32_t s00 = 0, s01 = 0, s10 = 0, s11 = 0;
      for (std::int64_t k = 0; k < p.n; ++k) {
        s00 += std::int32_t{a0[k]} * b0[k];
        s01 += std::int32_t{a0[k]} * b1[k];
        s10 += std::int32_t{a1[k]} * b0[k];
        s11 += std::int32_t{a1[k]} * b1[k];
      }
      std::int32_t* c = p.c + i * p.n + j;
      c[0] = s00, c[1] = s01, c[p.n] = s10, c[p.n + 1] = s11;
    }
  }
}

// Step 3: B in panels of kPanel columns, k by k, and four rows of A at once: a vector now goes
// along columns of C, and no sum runs across a vector.
constexpr std::int64_t kPanel = 64;

void packed(const Int8Problem& p) {
  for (std::int64_t j0 = 0; j0 < p.n; j0 += kPanel) {
    std::int8_t* panel = p.packed_b;
    for (std::int64_t k = 0; k < p.n; ++k) {
      for (std::int64_t j = 0; j < kPanel; ++j) panel[k * kPanel + j] = p.b[(j0 + j) * p.n + k];
    }
    for (std::int64_t i = 0; i < p.n; i += 4) {
      const std::int8_t *a0 = p.a + i * p.n, *a1 = a0 + p.n, *a2 = a1 + p.n, *a3 = a2 + p.n;
      std::int32_t sums[4][kPanel] = {};
      for (std::int64_t k = 0; k < p.n; ++k) {
        const std::int8_t* b = panel + k * kPanel;
        for (std::int64_t j = 0; j < kPanel; ++j) {
          sums[0][j] += std::int32_t{a0[k]} * b[j];
          sums[1][j] += std::int32_t{a1[k]} * b[j];
          sums[2][j] += std::int32_t{a2[k]} * b[j];
          sums[3][j] += std::int32_t{a3[k]} * b[j];
        }
      }
      for (std::int64_t r = 0; r < 4; ++r) {
        for (std::int64_t j = 0; j < kPanel; ++j) p.c[(i + r) * p.n + j0 + j] = sums[r][j];
      }
    }
  }
}

// Step 4: the instruction itself (kernels/gemm_s8/dot.simd.hpp has one per instruction set), and a
// tile of sums in registers. Some want their left side unsigned: then A holds value + 128, and 128
// times the sum of B's row is taken back at the end. Panels have kStep values of k side by side.
constexpr int kCols = Dot::kVectors * static_cast<int>(W);
constexpr int kStep = Dot::kStep;
constexpr int kRows = Dot::kRows;
static_assert(ladder::kInt8Multiple % kCols == 0 && ladder::kInt8Multiple % kRows == 0);

void pack_b(const Int8Problem& p) {
  std::int8_t* out = p.packed_b;
  for (std::int64_t j0 = 0; j0 < p.n; j0 += kCols) {
    for (std::int64_t k0 = 0; k0 < p.n; k0 += kStep) {
      for (int j = 0; j < kCols; ++j) {
        for (int s = 0; s < kStep; ++s) *out++ = p.b[(j0 + j) * p.n + k0 + s];
      }
    }
  }
}

void multiply_tile(const Int8Problem& p, std::int64_t i, std::int64_t j) {
  const auto* a = reinterpret_cast<const Dot::Code*>(p.codes) + i * p.n;
  const std::int8_t* b = p.packed_b + j * p.n;
  Dot::Acc sums[kRows][Dot::kVectors];
  TT_UNROLL for (int r = 0; r < kRows; ++r) {
    TT_UNROLL for (int v = 0; v < Dot::kVectors; ++v) sums[r][v] = Dot::zero();
  }
  for (std::int64_t k = 0; k < p.n; k += kStep, b += kCols * kStep) {
    Dot::Rhs columns[Dot::kVectors];
    TT_UNROLL for (int v = 0; v < Dot::kVectors; ++v) {
      columns[v] = Dot::load(b + v * static_cast<int>(W) * kStep);
    }
    TT_UNROLL for (int r = 0; r < kRows; ++r) {
      const auto row = Dot::broadcast(a + r * p.n + k);
      TT_UNROLL for (int v = 0; v < Dot::kVectors; ++v) {
        sums[r][v] = Dot::dot(sums[r][v], row, columns[v]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    std::int32_t* c = p.c + (i + r) * p.n + j;
    __builtin_memcpy(c, sums[r], sizeof sums[r]);
    for (int l = 0; l < kCols; ++l) c[l] -= Dot::kZero * p.b_sums[j + l];
  }
}

void prepare(const Int8Problem& p) {
  pack_b(p);
  auto* codes = reinterpret_cast<Dot::Code*>(p.codes);
  for (std::int64_t i = 0; i < p.n * p.n; ++i) {
    codes[i] = static_cast<Dot::Code>(p.a[i] + Dot::kZero);
  }
  for (std::int64_t j = 0; j < p.n; ++j) {
    p.b_sums[j] = 0;
    for (std::int64_t k = 0; k < p.n; ++k) p.b_sums[j] += p.b[j * p.n + k];
  }
}

void multiply_rows(const Int8Problem& p, std::int64_t first, std::int64_t last) {
  for (std::int64_t j = 0; j < p.n; j += kCols) {
    for (std::int64_t i = first; i < last; i += kRows) multiply_tile(p, i, j);
  }
}
void vectorised(const Int8Problem& p) {
  prepare(p);
  multiply_rows(p, 0, p.n);
}

// Step 5: every thread takes blocks of rows.
void threaded(const Int8Problem& p) {
  prepare(p);
  parallel_for(p.n, ladder::kInt8Multiple / 2,
               [&](std::int64_t first, std::int64_t last) { multiply_rows(p, first, last); });
}

}  // namespace

void fill_ladder_int8(ladder::Int8Steps& s) { s = {naive, blocked, packed, vectorised, threaded}; }

}  // namespace tt::kernels::TT_ISA
