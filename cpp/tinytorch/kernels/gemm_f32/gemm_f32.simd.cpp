#include "tinytorch/kernels/gemm_f32/gemm.hpp"
#include "tinytorch/kernels/gemm_f32/pack.simd.hpp"
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
constexpr int kLineVectors = 16 / kWidth;                     // vectors of a cache line
constexpr std::int64_t kAhead = 16;                           // steps of k
constexpr std::int64_t kShort = 64;                           // too few to fetch C meanwhile
constexpr int kRowVectors = kRows * kVectors >= 16 ? 16 : 8;  // columns of one row's sums
constexpr std::int64_t kNear = 1 << 17;                       // elements of B: half a megabyte

inline F32 load_lanes(const float* p, int lanes) {
  return lanes == kWidth ? load(p) : load_n(p, static_cast<std::size_t>(lanes));
}
inline void store_lanes(float* p, int lanes, F32 v) {
  if (lanes == kWidth) {
    store(p, v);
  } else {
    store_n(p, static_cast<std::size_t>(lanes), v);
  }
}

// How A is read. Packed panels have constant strides. In a plain matrix one address serves three
// rows (base, base + row, base + 2 row), which spares integer registers.
template <int R>
struct PackedRows {
  explicit PackedRows(const GemmTile& t) : at(t.a) {}
  float operator()(int i) const { return at[i]; }
  void next() { at += kRows; }
  const float* at;
};
template <int R>
struct PlainRows {
  explicit PlainRows(const GemmTile& t) : row(t.a_row), step(t.a_step) {
    TT_UNROLL for (int g = 0; g < kGroups; ++g) at[g] = t.a + 3 * g * row;
  }
  float operator()(int i) const { return at[i / 3][(i % 3) * row]; }
  void next() { TT_UNROLL for (int g = 0; g < kGroups; ++g) at[g] += step; }
  static constexpr int kGroups = (R + 2) / 3;
  const float* at[kGroups];
  std::int64_t row, step;
};

// C = (C +) sums (+ bias), whole vectors.
template <int R, int V, bool kAdd, bool kBias>
inline void write(const F32 (&acc)[R][V], const GemmTile& t) {
  F32 bias[V];
  if constexpr (kBias) {
    TT_UNROLL for (int v = 0; v < V; ++v) bias[v] = load(t.bias + v * kWidth);
  }
  float* c = t.c;
  const std::int64_t c_row = t.c_row;
  TT_UNROLL for (int i = 0; i < R; ++i) {
    TT_UNROLL for (int v = 0; v < V; ++v) {
      F32 sum = acc[i][v];
      if constexpr (kAdd) sum = load(c + v * kWidth) + sum;
      if constexpr (kBias) sum = sum + bias[v];
      store(c + v * kWidth, sum);
    }
    c += c_row;
  }
}

// The same in a plain loop, for tiles whose last vector has `last` < W columns.
inline void write_rows(const float* sums, int rows, int vectors, const GemmTile& t, int last) {
  for (int i = 0; i < rows; ++i) {
    float* c = t.c + i * t.c_row;
    for (int v = 0; v < vectors; ++v) {
      const int lanes = v == vectors - 1 ? last : kWidth;
      F32 sum = F32::load_aligned(sums + (i * vectors + v) * kWidth);
      if (t.accumulate) sum = load_lanes(c + v * kWidth, lanes) + sum;
      if (t.bias != nullptr) sum = sum + load_lanes(t.bias + v * kWidth, lanes);
      store_lanes(c + v * kWidth, lanes, sum);
    }
  }
}
template <int R, int V>
inline void write_partial(const F32 (&acc)[R][V], const GemmTile& t, int last) {
  alignas(64) float sums[R * V * kWidth];
  TT_UNROLL for (int i = 0; i < R; ++i) {
    TT_UNROLL for (int v = 0; v < V; ++v) acc[i][v].store_aligned(sums + (i * V + v) * kWidth);
  }
  write_rows(sums, R, V, t, last);
}

// kPartial: the last of the V vectors of B has `last` < W readable columns.
template <int R, int V, bool kPartial, class Rows>
void multiply(const GemmTile& t, int last) {
  F32 acc[R][V];
  TT_UNROLL for (int i = 0; i < R; ++i) {
    TT_UNROLL for (int v = 0; v < V; ++v) acc[i][v] = F32(0.0f);
  }
  // C travels while the sums are made; B, on its way from the second cache, a few steps ahead.
  if (t.k > kShort) {
    TT_UNROLL for (int i = 0; i < R; ++i) {
      TT_UNROLL for (int v = 0; v < V; v += kLineVectors) {
        __builtin_prefetch(t.c + i * t.c_row + v * kWidth, 1, 3);
      }
    }
  }
  Rows a(t);
  const float* b = t.b;
  const std::int64_t b_step = t.b_step;
  const float* ahead = t.b_next != nullptr ? t.b_next : b + kAhead * b_step;
  const std::int64_t ahead_step = t.b_next != nullptr ? t.b_next_step : b_step;
  for (std::int64_t p = t.k; p > 0; --p, b += b_step, ahead += ahead_step) {
    TT_UNROLL for (int v = 0; v < V; v += kLineVectors) __builtin_prefetch(ahead + v * kWidth);
    F32 row[V];
    TT_UNROLL for (int v = 0; v < V; ++v) {
      row[v] = kPartial && v == V - 1 ? load_n(b + v * kWidth, static_cast<std::size_t>(last))
                                      : load(b + v * kWidth);
    }
    TT_UNROLL for (int i = 0; i < R; ++i) {
      const F32 x(a(i));
      TT_UNROLL for (int v = 0; v < V; ++v) acc[i][v] = fma(x, row[v], acc[i][v]);
    }
    a.next();
  }
  if (last != kWidth) return write_partial<R, V>(acc, t, last);
  if (t.accumulate) {
    t.bias != nullptr ? write<R, V, true, true>(acc, t) : write<R, V, true, false>(acc, t);
  } else {
    t.bias != nullptr ? write<R, V, false, true>(acc, t) : write<R, V, false, false>(acc, t);
  }
}

template <int R, int V>
void tile_of(const GemmTile& t) {
  const int vectors = (t.cols + kWidth - 1) / kWidth;
  if constexpr (V > 1) {
    if (vectors < V) return tile_of<R, V - 1>(t);
  }
  const int last = t.cols - (V - 1) * kWidth;
  if (last != kWidth && !t.b_padded) {
    multiply<R, V, true, PlainRows<R>>(t, last);
  } else if (t.a_row == 1 && t.a_step == kRows) {
    multiply<R, V, false, PackedRows<R>>(t, last);
  } else {
    multiply<R, V, false, PlainRows<R>>(t, last);
  }
}

template <int R = kRows>
void tile(const GemmTile& t) {
  if constexpr (R > 1) {
    if (t.rows < R) return tile<R - 1>(t);
  }
  tile_of<R, kVectors>(t);
}

// acc[v] = fma chain over `steps` rows of B, for the columns of one vector.
template <int kSteps>
inline F32 chain(const F32 (&x)[kSteps], const float* b, std::int64_t b_row, int lanes, F32 sum) {
  TT_UNROLL for (int s = 0; s < kSteps; ++s) sum = fma(x[s], load_lanes(b + s * b_row, lanes), sum);
  return sum;
}

// acc[cols] += x[kSteps] B[kSteps, cols]: kSteps rows of B per pass over the sums.
template <int kSteps>
inline void add_rows(const float* x, std::int64_t x_step, const float* b, std::int64_t b_row,
                     std::int64_t cols, float* acc) {
  F32 values[kSteps];
  TT_UNROLL for (int s = 0; s < kSteps; ++s) values[s] = F32(x[s * x_step]);
  std::int64_t j = 0;
  for (; j + kWidth <= cols; j += kWidth) {
    chain<kSteps>(values, b + j, b_row, kWidth, F32::load_aligned(acc + j)).store_aligned(acc + j);
  }
  if (j < cols) {
    const int lanes = static_cast<int>(cols - j);
    chain<kSteps>(values, b + j, b_row, lanes, F32::load_aligned(acc + j)).store_aligned(acc + j);
  }
}

// One block of k for a strip of columns: long contiguous reads of B, the order of p kept.
void strip_block(std::int64_t k, std::int64_t cols, const float* x, std::int64_t x_step,
                 const float* b, std::int64_t b_row, float* acc) {
  for (std::int64_t j = 0; j < cols; j += kWidth) F32(0.0f).store_aligned(acc + j);
  std::int64_t p = 0;
  for (; p + 8 <= k; p += 8) add_rows<8>(x + p * x_step, x_step, b + p * b_row, b_row, cols, acc);
  for (; p < k; ++p) add_rows<1>(x + p * x_step, x_step, b + p * b_row, b_row, cols, acc);
}

// The same with the sums of V vectors of columns in registers: fewer loads and no stores, but short
// runs of each row, for matrices that are near.
template <int V>
void sum_in_registers(std::int64_t k, std::int64_t cols, const float* x, std::int64_t x_step,
                      const float* b, std::int64_t b_row, float* acc) {
  std::int64_t j = 0;
  for (; j + V * kWidth <= cols; j += V * kWidth) {
    F32 sums[V];
    TT_UNROLL for (int v = 0; v < V; ++v) sums[v] = F32(0.0f);
    const float* row = b + j;
    for (std::int64_t p = 0; p < k; ++p, row += b_row) {
      const F32 value(x[p * x_step]);
      TT_UNROLL for (int v = 0; v < V; ++v) sums[v] = fma(value, load(row + v * kWidth), sums[v]);
    }
    TT_UNROLL for (int v = 0; v < V; ++v) sums[v].store_aligned(acc + j + v * kWidth);
  }
  if constexpr (V > 1) {
    if (j < cols) sum_in_registers<V / 2>(k, cols - j, x, x_step, b + j, b_row, acc + j);
  } else {
    if (j < cols) {
      const auto lanes = static_cast<std::size_t>(cols - j);
      F32 sum(0.0f);
      for (std::int64_t p = 0; p < k; ++p) {
        sum = fma(F32(x[p * x_step]), load_n(b + p * b_row + j, lanes), sum);
      }
      sum.store_aligned(acc + j);
    }
  }
}

void row_times_matrix(std::int64_t k, std::int64_t n, const float* x, std::int64_t x_step,
                      const float* b, std::int64_t b_row, float* y, bool accumulate,
                      const float* bias) {
  constexpr std::int64_t kStrip = 4096;  // 16 KB of sums stay in the first cache
  alignas(64) float acc[kStrip];
  for (std::int64_t j0 = 0; j0 < n; j0 += kStrip) {
    const std::int64_t cols = n - j0 < kStrip ? n - j0 : kStrip;
    const int vectors = static_cast<int>((cols + kWidth - 1) / kWidth);
    for (std::int64_t p0 = 0; p0 < k; p0 += kGemmDepth) {
      const std::int64_t depth = k - p0 < kGemmDepth ? k - p0 : kGemmDepth;
      const float* from = b + p0 * b_row + j0;
      if (depth * cols <= kNear) {
        sum_in_registers<kRowVectors>(depth, cols, x + p0 * x_step, x_step, from, b_row, acc);
      } else {
        strip_block(depth, cols, x + p0 * x_step, x_step, from, b_row, acc);
      }
      GemmTile t{};
      t.c = y + j0;
      t.accumulate = accumulate || p0 > 0;
      t.bias = p0 + depth == k && bias != nullptr ? bias + j0 : nullptr;
      write_rows(acc, 1, vectors, t, static_cast<int>(cols - (vectors - 1) * kWidth));
    }
  }
}

// The first V vectors of columns, kVectors in a panel: more chains of sums than one panel has hide
// the latency of fma.
template <int V>
inline void row_times_vectors(const GemmRow& r, const float* panels, float* sums) {
  const std::int64_t stride = r.k * kCols;
  F32 acc[V];
  TT_UNROLL for (int v = 0; v < V; ++v) acc[v] = F32(0.0f);
  for (std::int64_t p = 0; p < r.k; ++p) {
    const F32 x(r.x[p]);
    TT_UNROLL for (int v = 0; v < V; ++v) {
      const float* b = panels + v / kVectors * stride + p * kCols + v % kVectors * kWidth;
      if constexpr (V == kVectors) __builtin_prefetch(b + kAhead * kCols);
      acc[v] = fma(x, load(b), acc[v]);
    }
  }
  TT_UNROLL for (int v = 0; v < V; ++v) acc[v].store_aligned(sums + v * kWidth);
}

// `count` panels, at most P of them, side by side.
template <int P>
inline void row_times_near(const GemmRow& r, const float* panels, std::int64_t count, float* sums) {
  if constexpr (P > 1) {
    if (count < P) return row_times_near<P - 1>(r, panels, count, sums);
  }
  row_times_vectors<P * kVectors>(r, panels, sums);
}

void row_times_panels(const GemmRow& r) {
  constexpr int kPanels = kRows * kVectors >= 24 ? 4 : 2;
  alignas(64) float sums[kPanels * kCols];
  const bool near = r.k * r.cols <= kNear;  // far memory comes faster in one stream
  for (std::int64_t j = 0; j < r.cols; j += kPanels * kCols) {
    const float* panels = r.panels + j * r.k;
    const std::int64_t left = r.cols - j, cols = left < kPanels * kCols ? left : kPanels * kCols;
    if (near) {
      row_times_near<kPanels>(r, panels, (cols + kCols - 1) / kCols, sums);
    } else {
      for (int i = 0; i * kCols < cols; ++i) {
        row_times_vectors<kVectors>(r, panels + i * r.k * kCols, sums + i * kCols);
      }
    }
    const int vectors = static_cast<int>((cols + kWidth - 1) / kWidth);
    GemmTile t{};
    t.c = r.y + j;
    t.accumulate = r.accumulate;
    t.bias = r.bias != nullptr ? r.bias + j : nullptr;
    write_rows(sums, 1, vectors, t, static_cast<int>(cols - (vectors - 1) * kWidth));
  }
}

}  // namespace

void fill_gemm_f32(GemmTable& table) {
  table.mr = kRows;
  table.nr = kCols;
  table.tile = &tile<>;
  table.pack = &pack;
  table.row_times_matrix = &row_times_matrix;
  table.row_times_panels = &row_times_panels;
}

}  // namespace tt::kernels::TT_ISA
