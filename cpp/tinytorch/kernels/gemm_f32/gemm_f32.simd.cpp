#include "tinytorch/kernels/gemm_f32/gemm.hpp"

#include "tinytorch/kernels/simd.hpp"

namespace tt::kernels::TT_ISA {
namespace {

// Tile of C held in registers: kRows x kVectors accumulators, plus kVectors of B and one of A.
#if defined(TT_ISA_avx512)
constexpr int kRows = 14, kVectors = 2;  // 28 + 2 + 1 of 32 registers
#elif defined(TT_ISA_avx2)
constexpr int kRows = 6, kVectors = 2;  // 12 + 2 + 1 of 16
#elif defined(__aarch64__)
constexpr int kRows = 8, kVectors = 3;  // 24 + 3 + 1 of 32
#else
constexpr int kRows = 4, kVectors = 2;  // 8 + 2 + 1, and room for products, of 16
#endif
constexpr int kWidth = static_cast<int>(W);
constexpr int kCols = kVectors * kWidth;

inline F32 load_lanes(const float* p, int lanes) {
  return lanes == kWidth ? load(p) : load_n(p, static_cast<std::size_t>(lanes));
}

// C values of one vector: (old C, if accumulating) + sum, then + bias.
inline void finish(float* c, F32 sum, int lanes, bool accumulate, const float* bias) {
  if (accumulate) sum = load_lanes(c, lanes) + sum;
  if (bias != nullptr) sum = sum + load_lanes(bias, lanes);
  if (lanes == kWidth) {
    store(c, sum);
  } else {
    store_n(c, static_cast<std::size_t>(lanes), sum);
  }
}

// kPartial: the last of the V vectors of B has `last` < W readable columns.
template <int R, int V, bool kPartial>
void multiply(const GemmTile& t, int last) {
  F32 acc[R][V];
  TT_UNROLL for (int i = 0; i < R; ++i) {
    TT_UNROLL for (int v = 0; v < V; ++v) acc[i][v] = F32(0.0f);
  }
  const float* a = t.a;
  const float* b = t.b;
  const std::int64_t a_row = t.a_row, a_step = t.a_step, b_step = t.b_step;
  for (std::int64_t p = 0; p < t.k; ++p, a += a_step, b += b_step) {
    F32 row[V];
    TT_UNROLL for (int v = 0; v < V; ++v) {
      row[v] = kPartial && v == V - 1 ? load_n(b + v * kWidth, static_cast<std::size_t>(last))
                                      : load(b + v * kWidth);
    }
    TT_UNROLL for (int i = 0; i < R; ++i) {
      const F32 x(a[i * a_row]);
      TT_UNROLL for (int v = 0; v < V; ++v) acc[i][v] = fma(x, row[v], acc[i][v]);
    }
  }
  TT_UNROLL for (int i = 0; i < R; ++i) {
    TT_UNROLL for (int v = 0; v < V; ++v) {
      finish(t.c + i * t.c_row + v * kWidth, acc[i][v], v == V - 1 ? last : kWidth, t.accumulate,
             t.bias == nullptr ? nullptr : t.bias + v * kWidth);
    }
  }
}

template <int R, int V>
void tile_of(const GemmTile& t) {
  const int vectors = (t.cols + kWidth - 1) / kWidth;
  if constexpr (V > 1) {
    if (vectors < V) return tile_of<R, V - 1>(t);
  }
  const int last = t.cols - (V - 1) * kWidth;
  if (last == kWidth || t.b_padded) {
    multiply<R, V, false>(t, last);
  } else {
    multiply<R, V, true>(t, last);
  }
}

template <int R = kRows>
void tile(const GemmTile& t) {
  if constexpr (R > 1) {
    if (t.rows < R) return tile<R - 1>(t);
  }
  tile_of<R, kVectors>(t);
}

// One block of k for a strip of columns: sums in `acc` (cols floats, rounded up to vectors).
// Several rows of B per pass over the strip: long contiguous reads, the order of p kept.
void strip_block(std::int64_t k, std::int64_t cols, const float* x, std::int64_t x_step,
                 const float* b, std::int64_t b_row, float* acc) {
  for (std::int64_t j = 0; j < cols; j += kWidth) F32(0.0f).store_aligned(acc + j);
  constexpr int kUnroll = 4;
  std::int64_t p = 0;
  for (; p + kUnroll <= k; p += kUnroll) {
    const F32 x0(x[p * x_step]), x1(x[(p + 1) * x_step]), x2(x[(p + 2) * x_step]),
        x3(x[(p + 3) * x_step]);
    const float* r0 = b + p * b_row;
    const float *r1 = r0 + b_row, *r2 = r1 + b_row, *r3 = r2 + b_row;
    for (std::int64_t j = 0; j < cols; j += kWidth) {
      const int lanes = cols - j < kWidth ? static_cast<int>(cols - j) : kWidth;
      F32 sum = F32::load_aligned(acc + j);
      sum = fma(x0, load_lanes(r0 + j, lanes), sum);
      sum = fma(x1, load_lanes(r1 + j, lanes), sum);
      sum = fma(x2, load_lanes(r2 + j, lanes), sum);
      sum = fma(x3, load_lanes(r3 + j, lanes), sum);
      sum.store_aligned(acc + j);
    }
  }
  for (; p < k; ++p) {
    const F32 value(x[p * x_step]);
    for (std::int64_t j = 0; j < cols; j += kWidth) {
      const int lanes = cols - j < kWidth ? static_cast<int>(cols - j) : kWidth;
      fma(value, load_lanes(b + p * b_row + j, lanes), F32::load_aligned(acc + j))
          .store_aligned(acc + j);
    }
  }
}

void row_times_matrix(std::int64_t k, std::int64_t n, const float* x, std::int64_t x_step,
                      const float* b, std::int64_t b_row, float* y, bool accumulate,
                      const float* bias) {
  constexpr std::int64_t kStrip = 1024;  // 4 KB of sums stay in the first cache
  alignas(64) float acc[kStrip];
  for (std::int64_t j0 = 0; j0 < n; j0 += kStrip) {
    const std::int64_t cols = n - j0 < kStrip ? n - j0 : kStrip;
    for (std::int64_t p0 = 0; p0 < k; p0 += kGemmDepth) {
      const std::int64_t depth = k - p0 < kGemmDepth ? k - p0 : kGemmDepth;
      strip_block(depth, cols, x + p0 * x_step, x_step, b + p0 * b_row + j0, b_row, acc);
      const bool add = accumulate || p0 > 0;
      const float* last_bias = p0 + depth == k && bias != nullptr ? bias + j0 : nullptr;
      for (std::int64_t j = 0; j < cols; j += kWidth) {
        const int lanes = cols - j < kWidth ? static_cast<int>(cols - j) : kWidth;
        finish(y + j0 + j, F32::load_aligned(acc + j), lanes, add,
               last_bias == nullptr ? nullptr : last_bias + j);
      }
    }
  }
}

}  // namespace

void fill_gemm_f32(GemmTable& table) {
  table.mr = kRows;
  table.nr = kCols;
  table.tile = &tile<>;
  table.row_times_matrix = &row_times_matrix;
}

}  // namespace tt::kernels::TT_ISA
