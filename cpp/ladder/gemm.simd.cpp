#include "gemm.hpp"

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/simd.hpp"

namespace tt::kernels::TT_ISA {
namespace {

using ladder::GemmProblem;

// Step 1, the definition. B is read down its columns: each value from another cache line.
void naive(const GemmProblem& p) {
  for (std::int64_t i = 0; i < p.n; ++i) {
    for (std::int64_t j = 0; j < p.n; ++j) {
      float sum = 0.0f;
      for (std::int64_t k = 0; k < p.n; ++k) sum += p.a[i * p.n + k] * p.b[k * p.n + j];
      p.c[i * p.n + j] = sum;
    }
  }
}

// Step 2: the two inner loops change places. All goes along rows, and the compiler uses vectors.
void reordered(const GemmProblem& p) {
  for (std::int64_t i = 0; i < p.n; ++i) {
    float* c = p.c + i * p.n;
    for (std::int64_t j = 0; j < p.n; ++j) c[j] = 0.0f;
    for (std::int64_t k = 0; k < p.n; ++k) {
      const float a = p.a[i * p.n + k];
      const float* b = p.b + k * p.n;
      for (std::int64_t j = 0; j < p.n; ++j) c[j] += a * b[j];
    }
  }
}

constexpr std::int64_t kBlock = 96;  // 96 x 96 floats: 36 KB, which the first cache holds

// Step 3: a block of B is used for all rows of A before the next one is touched.
void blocked(const GemmProblem& p) {
  for (std::int64_t i = 0; i < p.n * p.n; ++i) p.c[i] = 0.0f;
  for (std::int64_t k0 = 0; k0 < p.n; k0 += kBlock) {
    for (std::int64_t j0 = 0; j0 < p.n; j0 += kBlock) {
      for (std::int64_t i = 0; i < p.n; ++i) {
        float* c = p.c + i * p.n + j0;
        for (std::int64_t k = k0; k < k0 + kBlock; ++k) {
          const float a = p.a[i * p.n + k];
          const float* b = p.b + k * p.n + j0;
          for (std::int64_t j = 0; j < kBlock; ++j) c[j] += a * b[j];
        }
      }
    }
  }
}

// Step 4: the block is copied, so that it is one piece of memory, and used for four rows at once:
// each value of B that was loaded meets four of A.
void packed(const GemmProblem& p) {
  for (std::int64_t i = 0; i < p.n * p.n; ++i) p.c[i] = 0.0f;
  float* block = p.scratch;
  for (std::int64_t k0 = 0; k0 < p.n; k0 += kBlock) {
    for (std::int64_t j0 = 0; j0 < p.n; j0 += kBlock) {
      for (std::int64_t k = 0; k < kBlock; ++k) {
        for (std::int64_t j = 0; j < kBlock; ++j) {
          block[k * kBlock + j] = p.b[(k0 + k) * p.n + j0 + j];
        }
      }
      for (std::int64_t i = 0; i < p.n; i += 4) {
        const float *a0 = p.a + i * p.n + k0, *a1 = a0 + p.n, *a2 = a1 + p.n, *a3 = a2 + p.n;
        float sums[4][kBlock] = {};
        for (std::int64_t k = 0; k < kBlock; ++k) {
          const float* b = block + k * kBlock;
          for (std::int64_t j = 0; j < kBlock; ++j) {
            sums[0][j] += a0[k] * b[j];
            sums[1][j] += a1[k] * b[j];
            sums[2][j] += a2[k] * b[j];
            sums[3][j] += a3[k] * b[j];
          }
        }
        for (std::int64_t r = 0; r < 4; ++r) {
          for (std::int64_t j = 0; j < kBlock; ++j) p.c[(i + r) * p.n + j0 + j] += sums[r][j];
        }
      }
    }
  }
}

// Step 5: a tile of C stays in registers for a whole block of k. Of 32 registers (16, 16) the tile
// takes 24 (12, 8), which is also enough to hide the latency of the multiply-adds.
#if defined(__AVX512F__)
constexpr int kRows = 12;
#elif defined(__AVX2__)
constexpr int kRows = 6;
#else
constexpr int kRows = 4;
#endif
constexpr int kCols = 2 * static_cast<int>(W);
constexpr std::int64_t kDepth = 192;  // a panel of B is 24 KB at most

// C tile += A panel times B panel; panels hold what one step of k needs side by side.
inline void multiply_tile(const float* a, const float* b, std::int64_t depth, float* c,
                          std::int64_t c_row) {
  F32 sums[kRows][2];
  TT_UNROLL for (int r = 0; r < kRows; ++r) sums[r][0] = sums[r][1] = F32(0.0f);
  for (std::int64_t k = 0; k < depth; ++k, a += kRows, b += kCols) {
    const F32 b0 = load(b), b1 = load(b + W);
    TT_UNROLL for (int r = 0; r < kRows; ++r) {
      const F32 value(a[r]);
      sums[r][0] = fma(value, b0, sums[r][0]);
      sums[r][1] = fma(value, b1, sums[r][1]);
    }
  }
  TT_UNROLL for (int r = 0; r < kRows; ++r) {
    float* to = c + r * c_row;
    store(to, load(to) + sums[r][0]);
    store(to + W, load(to + W) + sums[r][1]);
  }
}

// Rows [first, last) of C, with the packed block [k0, k0 + depth) of B.
void multiply_rows(const GemmProblem& p, std::int64_t first, std::int64_t last, std::int64_t k0,
                   std::int64_t depth, const float* packed_b, float* packed_a) {
  for (std::int64_t i = first; i < last; i += kRows) {
    float* panel = packed_a + (i - first) * depth;
    for (std::int64_t k = 0; k < depth; ++k) {
      for (int r = 0; r < kRows; ++r) panel[k * kRows + r] = p.a[(i + r) * p.n + k0 + k];
    }
  }
  for (std::int64_t j = 0; j < p.n; j += kCols) {
    for (std::int64_t i = first; i < last; i += kRows) {
      multiply_tile(packed_a + (i - first) * depth, packed_b + j * depth, depth, p.c + i * p.n + j,
                    p.n);
    }
  }
}

template <class Rows>
void with_packed_b(const GemmProblem& p, Rows rows) {
  for (std::int64_t i = 0; i < p.n * p.n; ++i) p.c[i] = 0.0f;
  for (std::int64_t k0 = 0; k0 < p.n; k0 += kDepth) {
    const std::int64_t depth = p.n - k0 < kDepth ? p.n - k0 : kDepth;
    for (std::int64_t j = 0; j < p.n; j += kCols) {
      for (std::int64_t k = 0; k < depth; ++k) {
        for (int l = 0; l < kCols; ++l) {
          p.scratch[j * depth + k * kCols + l] = p.b[(k0 + k) * p.n + j + l];
        }
      }
    }
    rows(k0, depth);
  }
}

void vectorised(const GemmProblem& p) {
  float* packed_a = p.scratch + p.n * p.n;
  with_packed_b(p, [&](std::int64_t k0, std::int64_t depth) {
    multiply_rows(p, 0, p.n, k0, depth, p.scratch, packed_a);
  });
}

// Step 6: every thread takes blocks of rows. Nobody shares a sum, so that the result is the same
// for any number of threads.
void threaded(const GemmProblem& p) {
  with_packed_b(p, [&](std::int64_t k0, std::int64_t depth) {
    parallel_for(p.n, ladder::kGemmMultiple, [&](std::int64_t first, std::int64_t last) {
      float* packed_a = p.scratch + p.n * p.n + first * p.n;
      multiply_rows(p, first, last, k0, depth, p.scratch, packed_a);
    });
  });
}

}  // namespace

void fill_ladder_gemm(ladder::GemmSteps& s) {
  s = {naive, reordered, blocked, packed, vectorised, threaded};
}

}  // namespace tt::kernels::TT_ISA
