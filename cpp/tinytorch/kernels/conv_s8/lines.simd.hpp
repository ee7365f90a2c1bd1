// Convolution of codes without copies of windows: neighbours in a row of results take the same
// line, some bytes further on.
#pragma once
#include "tinytorch/kernels/conv_s8/store_codes.simd.hpp"

// For lambdas of a micro-kernel (panels.simd.hpp).
#define TT_INLINE __attribute__((always_inline))

namespace tt::kernels::TT_ISA {

// Rows of results are often 32, 16, 8 or 4 pixels wide: blocks of 8 or 4 leave nothing over. Narrow
// panels stay in the first cache, however deep.
struct LineDot : Dot {
#if defined(__AVX512F__)
  static constexpr int kVectors = 2, kRows = 8;
#else
  static constexpr int kRows = 4;
#endif
};
using LinePanel = Panel<LineDot>;

inline PanelShape line_panel_shape() { return panel_shape<LineDot>(); }

// Where a block of results begins: in the first line of its windows, and with a pool in that of the
// windows one row of results further down.
struct BlockStart {
  const std::byte* upper;
  const std::byte* lower;
};

// Sums of a block. Without a pool, row r of it is pixel r; with one, rows 4 i .. 4 i + 3 are square
// i: two pixels of the upper row of results and two of the lower, in turn.
template <int Rows, int Vectors, bool kPool>
struct LineSums {
  LineDot::Acc at[Rows][Vectors];

  [[gnu::always_inline]] void clear() {
    unrolled<Rows * Vectors>(
        [&](auto i) TT_INLINE { at[i.value / Vectors][i.value % Vectors] = LineDot::zero(); });
  }
  [[gnu::always_inline]] void add(BlockStart from, std::int64_t pixel,
                                  const LineDot::Weight* weights) {
    LineDot::Rhs columns[Vectors];
    unrolled<Vectors>([&](auto v) TT_INLINE {
      columns[v.value] = LineDot::load(weights + v.value * kWidth * LineDot::kStep);
    });
    unrolled<Rows>([&](auto r) TT_INLINE {
      constexpr int kPixel = kPool ? r.value / 2 : r.value;
      const std::byte* line = kPool && r.value % 2 == 1 ? from.lower : from.upper;
      const auto row = LineDot::broadcast(reinterpret_cast<const Code*>(line + kPixel * pixel));
      unrolled<Vectors>([&](auto v) TT_INLINE {
        at[r.value][v.value] = LineDot::dot(at[r.value][v.value], row, columns[v.value]);
      });
    });
  }
};

// Results from pixel `first` of `columns.out` on.
template <int Rows, int Vectors, bool kPool>
inline void line_block(const LinesToCodes& l, const LineDot::Weight* weights, BlockStart from,
                       std::int64_t first, const StoreCodes::Columns<Vectors>& columns) {
  constexpr std::int64_t kGroupBytes = LineDot::kStep * sizeof(Code);
  constexpr std::int64_t kGroupWeights = LinePanel::kColumns * LineDot::kStep;
  LineSums<Rows, Vectors, kPool> sums;
  sums.clear();
  for (std::int64_t u = 0; u < l.kernel_h; ++u) {
    const std::int64_t down = u * l.line;
    BlockStart at{from.upper + down, from.lower + down};
    for (std::int64_t g = 0; g < l.run_groups; ++g, weights += kGroupWeights) {
      sums.add(at, l.pixel, weights);
      at.upper += kGroupBytes, at.lower += kGroupBytes;
    }
  }
  unrolled<Vectors>([&](auto v) TT_INLINE {
    I32 most(0);
    unrolled<Rows>([&](auto r) TT_INLINE {
      const I32 sum(sums.at[r.value][v.value]);
      if constexpr (!kPool) {
        columns.put(first + r.value, v.value, sum);
      } else {
        most = r.value % 4 == 0 ? sum : larger(most, sum);
        if (r.value % 4 == 3) columns.put(first + r.value / 4, v.value, most);
      }
    });
  });
}

// What is left of a row of results after whole blocks: `pixels`, which need at most Rows rows.
template <int Rows, int Vectors, bool kPool>
inline void rest_of_line(const LinesToCodes& l, const LineDot::Weight* weights, BlockStart from,
                         std::int64_t pixels, std::int64_t first,
                         const StoreCodes::Columns<Vectors>& columns) {
  constexpr int kFewer = kPool ? 4 : 1;
  if constexpr (Rows >= kFewer) {
    if (pixels == (kPool ? Rows / 2 : Rows)) {
      return line_block<Rows, Vectors, kPool>(l, weights, from, first, columns);
    }
    rest_of_line<Rows - kFewer, Vectors, kPool>(l, weights, from, pixels, first, columns);
  }
}

template <int Vectors, bool kPool>
inline void lines_of_panel(const LinesToCodes& l, const LinePanel& panel) {
  constexpr int kRows = LineDot::kRows, kPixels = kPool ? kRows / 2 : kRows;
  constexpr int kMade = kPool ? kRows / 4 : kRows;
  const StoreCodes store{l.product.column_sums, l.to};
  const StoreCodes::Columns<Vectors> columns(store, panel.first);
  const std::int64_t width = kPool ? l.width / 2 : l.width;
  for (std::int64_t i = 0; i < l.product.rows; i += kPool ? 2 : 1) {
    BlockStart from{l.starts[i], l.starts[kPool ? i + 1 : i]};
    std::int64_t made = (kPool ? i / 2 : i) * width, x = 0;
    for (; x + kPixels <= l.width; x += kPixels, made += kMade) {
      line_block<kRows, Vectors, kPool>(l, panel.b, from, made, columns);
      from.upper += kPixels * l.pixel, from.lower += kPixels * l.pixel;
    }
    constexpr int kRest = kPool ? kRows - 4 : kRows - 1;
    rest_of_line<kRest, Vectors, kPool>(l, panel.b, from, l.width - x, made, columns);
  }
}

// With as many vectors as the panel's columns need.
template <int Vectors>
inline void lines_of_columns(const LinesToCodes& l, const LinePanel& panel) {
  if constexpr (Vectors > 1) {
    if (panel.cols <= (Vectors - 1) * kWidth) return lines_of_columns<Vectors - 1>(l, panel);
  }
  l.pool ? lines_of_panel<Vectors, true>(l, panel) : lines_of_panel<Vectors, false>(l, panel);
}

inline void convolve_lines(const LinesToCodes& l) {
  for (std::int64_t j = 0; j < LinePanel::count(l.product); ++j) {
    lines_of_columns<LineDot::kVectors>(l, LinePanel(l.product, j));
  }
}

}  // namespace tt::kernels::TT_ISA
#undef TT_INLINE
