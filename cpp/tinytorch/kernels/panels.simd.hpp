// Micro-kernels of products with packed panels (panels.hpp), for any `Dot`:
//   Code, kStep          an encoded activation; how many values of k a dot product takes
//   kVectors, kRows      vectors of W columns per panel; rows computed together
//   kSpan                panels that a single row reads side by side: several streams come faster
//                        from far memory
//   Acc, Rhs             registers; Acc is the bare one: GCC keeps arrays of xsimd's class in
//   memory zero(), add(acc, acc), broadcast(codes), load(weights), dot(acc, a, b) on AMX also the
//   instruction for tiles (tiles.simd.hpp), and kTilesFrom: rows that are worth it
// and any `Store`, to which the sums go:
//   Store::Columns<V>(store, first column).put(row, vector, Acc)   whole vectors
//   store.one(row, column, sum)                                    single sums, of type Store::Sum
#pragma once
#include "tinytorch/kernels/panels.hpp"
#include "tinytorch/kernels/simd.hpp"
#if defined(TT_ISA_amx)
#include "tinytorch/kernels/tiles.simd.hpp"
#endif

// For lambdas of a micro-kernel: one that is called keeps the accumulators in memory, and GCC stops
// inlining where a source has many kernels.
#define TT_INLINE __attribute__((always_inline))

namespace tt::kernels::TT_ISA {

inline constexpr int kWidth = static_cast<int>(W);  // columns per vector

template <int N>
struct Constant {
  static constexpr int value = N;
};

// f(0), f(1), ..., f(N - 1) with constant arguments: arrays indexed by them stay in registers.
template <int N, class Fn>
[[gnu::always_inline]] inline void unrolled(const Fn& f) {
  if constexpr (N > 0) {
    unrolled<N - 1>(f);
    f(Constant<N - 1>{});
  }
}

inline constexpr std::int64_t kAheadGroups = 16;

template <class Dot>
inline constexpr int kPanelColumns = Dot::kVectors* kWidth;

// A panel of a product, or a few neighbours.
template <class Dot>
struct Panel {
  using Weight = typename Dot::Weight;
  static constexpr int kColumns = kPanelColumns<Dot>;

  const PanelProduct& of;
  std::int64_t stride;  // weights between panels
  const Weight* b;
  std::int64_t first;  // the first column
  int cols;
  // What rows that share the panel ask for meanwhile, two cache lines for each group.
  const std::byte* ahead = nullptr;
  std::int64_t ahead_step = 0;

  Panel(const PanelProduct& p, std::int64_t index, int span = 1)
      : of(p),
        stride(p.groups * (kColumns * Dot::kStep)),
        b(reinterpret_cast<const Weight*>(p.b) + index * stride),
        first(index * kColumns),
        cols(static_cast<int>(p.cols - first < span * kColumns ? p.cols - first
                                                               : span * kColumns)) {}

  static std::int64_t count(const PanelProduct& p) { return (p.cols + kColumns - 1) / kColumns; }

  // A panel comes from far memory while its first rows are computed, and the others have nothing to
  // wait for: so the first ones of several blocks of rows ask for the next panel, equal shares
  // each, up to a quarter. A single one asks for its own, a few groups ahead.
  void fetch_for(std::int64_t block, std::int64_t blocks) {
    constexpr std::int64_t kGroup = kColumns * Dot::kStep * sizeof(Weight);
    const auto* own = reinterpret_cast<const std::byte*>(b);
    const std::int64_t shares = blocks < 2 ? 1 : blocks < 4 ? 2 : 4;
    ahead_step = kGroup / shares;
    if (blocks < 2) {
      ahead = own + kAheadGroups * kGroup;
    } else {
      ahead = block < shares ? own + (shares + block) * of.groups * ahead_step : own;
    }
  }
};

// Sums of a few rows and the first few vectors of columns.
template <class Dot, int Rows, int Vectors>
struct Sums {
  typename Dot::Acc at[Rows][Vectors];

  [[gnu::always_inline]] void clear() {
    unrolled<Rows * Vectors>(
        [&](auto i) TT_INLINE { at[i.value / Vectors][i.value % Vectors] = Dot::zero(); });
  }
  // One group of k: at[row][vector] += A[row, group] B[group, vector].
  [[gnu::always_inline]] void add(const Panel<Dot>& p, const std::byte* a, std::int64_t group) {
    const auto* b = p.b + group * (Panel<Dot>::kColumns * Dot::kStep);
    typename Dot::Rhs columns[Vectors];
    unrolled<Vectors>([&](auto v) TT_INLINE {
      constexpr int kPanel = v.value / Dot::kVectors, kVector = v.value % Dot::kVectors;
      const auto* weights = b + kPanel * p.stride + kVector * kWidth * Dot::kStep;
      // A single row waits for the weights, which the hardware alone fetches too late.
      if constexpr (Rows == 1) {
        __builtin_prefetch(weights + kAheadGroups * Panel<Dot>::kColumns * Dot::kStep);
      }
      columns[v.value] = Dot::load(weights);
    });
    if constexpr (Rows > 1) {
      __builtin_prefetch(p.ahead + group * p.ahead_step, 0, 2);
      __builtin_prefetch(p.ahead + group * p.ahead_step + p.ahead_step / 2, 0, 2);
    }
    unrolled<Rows>([&](auto r) TT_INLINE {
      const auto* codes = reinterpret_cast<const typename Dot::Code*>(a + r.value * p.of.a_row);
      const auto row = Dot::broadcast(codes + group * Dot::kStep);
      unrolled<Vectors>([&](auto v) TT_INLINE {
        at[r.value][v.value] = Dot::dot(at[r.value][v.value], row, columns[v.value]);
      });
    });
  }
};

// Rows [0, Rows) of A times the panel, handed to done(row, vector, sums). Few independent sums
// cannot hide the latency of a dot product: then even and odd groups are summed apart, if the
// order of the sums is free (exact ones).
template <class Dot, int Rows, int Vectors, class Done>
[[gnu::always_inline]] inline void product(const Panel<Dot>& p, const std::byte* a,
                                           const Done& done) {
  constexpr bool kTwoWays = Dot::kExact && 2 * Rows * Vectors <= Dot::kRows * Dot::kVectors;
  Sums<Dot, Rows, Vectors> even, odd;
  even.clear();
  std::int64_t group = 0;
  if constexpr (kTwoWays) {
    odd.clear();
    for (; group + 2 <= p.of.groups; group += 2) {
      even.add(p, a, group);
      odd.add(p, a, group + 1);
    }
  }
  for (; group < p.of.groups; ++group) even.add(p, a, group);
  unrolled<Vectors>([&](auto v) TT_INLINE {
    unrolled<Rows>([&](auto r) TT_INLINE {
      auto sum = even.at[r.value][v.value];
      if constexpr (kTwoWays) sum = Dot::add(sum, odd.at[r.value][v.value]);
      done(r.value, v.value, sum);
    });
  });
}

// The first `count` columns of a vector. Out of line: only the last panel needs it.
template <class Acc, class Store>
[[gnu::noinline]] void store_part(const Acc& sums, std::int64_t row, std::int64_t col, int count,
                                  const Store& out) {
  typename Store::Sum line[kWidth];
  static_assert(sizeof line == sizeof sums);
  __builtin_memcpy(line, &sums, sizeof line);
  for (int c = 0; c < (count < kWidth ? count : kWidth); ++c) out.one(row, col + c, line[c]);
}

template <class Dot, int Rows, int Vectors, class Store>
inline void block(const Panel<Dot>& p, std::int64_t row, const Store& out) {
  const std::byte* a = p.of.a + row * p.of.a_row;
  using Acc = typename Dot::Acc;
  if (p.cols >= Vectors * kWidth) {
    const typename Store::template Columns<Vectors> columns(out, p.first);
    product<Dot, Rows, Vectors>(
        p, a, [&](int r, int v, Acc sums) TT_INLINE { columns.put(row + r, v, sums); });
  } else {
    product<Dot, Rows, Vectors>(p, a, [&](int r, int v, Acc sums) TT_INLINE {
      store_part(sums, row + r, p.first + v * kWidth, p.cols - v * kWidth, out);
    });
  }
}

// The rows left over after whole blocks: at most Rows of them.
template <class Dot, int Rows, int Vectors, class Store>
inline void remainder(const Panel<Dot>& p, std::int64_t row, std::int64_t count, const Store& out) {
  if constexpr (Rows > 0) {
    if (count == Rows) {
      block<Dot, Rows, Vectors>(p, row, out);
    } else {
      remainder<Dot, Rows - 1, Vectors>(p, row, count, out);
    }
  }
}

// All rows, with as many vectors as the panel's columns need.
template <class Dot, int Vectors, class Store>
inline void all_rows(Panel<Dot>& p, const Store& out) {
  if constexpr (Vectors > 1) {
    if (p.cols <= (Vectors - 1) * kWidth) return all_rows<Dot, Vectors - 1>(p, out);
  }
  const std::int64_t blocks = (p.of.rows + Dot::kRows - 1) / Dot::kRows;
  std::int64_t row = 0;
  for (; row + Dot::kRows <= p.of.rows; row += Dot::kRows) {
    p.fetch_for(row / Dot::kRows, blocks);
    block<Dot, Dot::kRows, Vectors>(p, row, out);
  }
  p.fetch_for(row / Dot::kRows, blocks);
  remainder<Dot, Dot::kRows - 1, Vectors>(p, row, p.of.rows - row, out);
}

// A single row, with as many vectors as the panels' columns need.
template <class Dot, int Vectors, class Store>
inline void one_row(const Panel<Dot>& p, const Store& out) {
  if constexpr (Vectors > 1) {
    if (p.cols <= (Vectors - 1) * kWidth) return one_row<Dot, Vectors - 1>(p, out);
  }
  block<Dot, 1, Vectors>(p, 0, out);
}

template <class Dot, class Store>
inline void panels_by_rows(const PanelProduct& p, const Store& out) {
  const std::int64_t panels = Panel<Dot>::count(p);
  if (p.rows == 1) {
    for (std::int64_t j = 0; j < panels; j += Dot::kSpan) {
      one_row<Dot, Dot::kVectors * Dot::kSpan>(Panel<Dot>(p, j, Dot::kSpan), out);
    }
    return;
  }
  for (std::int64_t j = 0; j < panels; ++j) {
    Panel<Dot> panel(p, j);
    all_rows<Dot, Dot::kVectors>(panel, out);
  }
}

#if defined(TT_ISA_amx)

inline constexpr int kPanelGroupAlign = kTileGroups;

// What follows a block of sums from tiles.
template <class Dot, class Store>
inline void finish_tiles(const Panel<Dot>& p, std::int64_t first, std::int64_t rows,
                         const void* tiles, const Store& out) {
  using Acc = typename Dot::Acc;
  constexpr int kVectors = Dot::kVectors;
  static_assert(Panel<Dot>::kColumns == kTileCols);
  const auto* sums = static_cast<const Acc*>(tiles);
  if (p.cols == kTileCols) {
    const typename Store::template Columns<kVectors> columns(out, p.first);
    for (std::int64_t r = 0; r < rows; ++r, sums += kVectors) {
      TT_UNROLL for (int v = 0; v < kVectors; ++v) columns.put(first + r, v, sums[v]);
    }
    return;
  }
  for (std::int64_t r = 0; r < rows; ++r, sums += kVectors) {
    for (int v = 0; v * kWidth < p.cols; ++v) {
      store_part(sums[v], first + r, p.first + v * kWidth, p.cols - v * kWidth, out);
    }
  }
}

template <class Dot, class Store>
inline void all_panels(const PanelProduct& p, const Store& out) {
  if (p.rows < Dot::kTilesFrom) return panels_by_rows<Dot>(p, out);
  for_each_tile_block<Dot>(
      {p.a, p.a_row, p.b, p.b, p.groups, nullptr}, p.rows, Panel<Dot>::count(p),
      [&](std::int64_t first, std::int64_t rows, std::int64_t j, const void* sums) {
        finish_tiles(Panel<Dot>(p, j), first, rows, sums, out);
      });
}

// What the tiles want of the shape of panels and blocks.
template <class Dot>
inline PanelShape panel_shape() {
  return {.nr = kTileCols,
          .k_step = Dot::kStep,
          .group_align = kPanelGroupAlign,
          .mr = kTileBlock,
          .code_bytes = sizeof(typename Dot::Code),
          .weight_bytes = sizeof(typename Dot::Weight),
          .block_bytes = 768 * 1024,
          .block_rows = 256,
          .chunk_products = 1 << 25};
}

#else

inline constexpr int kPanelGroupAlign = 1;

template <class Dot, class Store>
inline void all_panels(const PanelProduct& p, const Store& out) {
  panels_by_rows<Dot>(p, out);
}

template <class Dot>
inline PanelShape panel_shape() {
  return {.nr = kPanelColumns<Dot>,
          .k_step = Dot::kStep,
          .group_align = kPanelGroupAlign,
          .mr = Dot::kRows,
          .code_bytes = sizeof(typename Dot::Code),
          .weight_bytes = sizeof(typename Dot::Weight),
          .block_bytes = 192 * 1024,
          .block_rows = 64 * Dot::kRows,
          .chunk_products = 1 << 20};
}

#endif

}  // namespace tt::kernels::TT_ISA
#undef TT_INLINE
