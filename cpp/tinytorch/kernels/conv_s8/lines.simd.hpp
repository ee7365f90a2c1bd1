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

// Results of a block: neighbours in a row; a narrow row and the one below it, so that deep weights
// are not read for a few pixels; or 2 x 2 squares that a pool makes one of: row 4 i + r is pixel r
// of square i, two of the upper row of results and two of the lower, in turn.
enum class Block { row, two_rows, squares };

// Of which row of results row r of a block is, and which of its pixels.
struct RowPlace {
  bool lower;
  int pixel;
};
template <int Rows, Block kBlock>
constexpr RowPlace place_of_row(int r) {
  if constexpr (kBlock == Block::squares) return {r % 2 == 1, r / 2};
  if constexpr (kBlock == Block::two_rows) return {r >= Rows / 2, r % (Rows / 2)};
  return {false, r};
}

// Where a block begins: in the first line of its windows, and in that of the windows one row of
// results further down.
struct BlockStart {
  const std::byte* upper;
  const std::byte* lower;
};

template <int Rows, int Vectors, Block kBlock>
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
      constexpr RowPlace kPlace = place_of_row<Rows, kBlock>(r.value);
      const std::byte* line = kPlace.lower ? from.lower : from.upper;
      const auto row =
          LineDot::broadcast(reinterpret_cast<const Code*>(line + kPlace.pixel * pixel));
      unrolled<Vectors>([&](auto v) TT_INLINE {
        at[r.value][v.value] = LineDot::dot(at[r.value][v.value], row, columns[v.value]);
      });
    });
  }
};

// Results from pixel `first` of `columns.out` on.
template <int Rows, int Vectors, Block kBlock>
inline void line_block(const LinesToCodes& l, const LineDot::Weight* weights, BlockStart from,
                       std::int64_t first, const StoreCodes::Columns<Vectors>& columns) {
  constexpr std::int64_t kGroupBytes = LineDot::kStep * sizeof(Code);
  constexpr std::int64_t kGroupWeights = LinePanel::kColumns * LineDot::kStep;
  LineSums<Rows, Vectors, kBlock> sums;
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
      if constexpr (kBlock != Block::squares) {
        columns.put(first + r.value, v.value, sum);
      } else {
        most = r.value % 4 == 0 ? sum : larger(most, sum);
        if (r.value % 4 == 3) columns.put(first + r.value / 4, v.value, most);
      }
    });
  });
}

// What is left of a row of results after whole blocks: `pixels`, which need at most Rows rows.
template <int Rows, int Vectors, Block kBlock>
inline void rest_of_line(const LinesToCodes& l, const LineDot::Weight* weights, BlockStart from,
                         std::int64_t pixels, std::int64_t first,
                         const StoreCodes::Columns<Vectors>& columns) {
  constexpr bool kPool = kBlock == Block::squares;
  constexpr int kFewer = kPool ? 4 : 1;
  if constexpr (Rows >= kFewer) {
    if (pixels == (kPool ? Rows / 2 : Rows)) {
      return line_block<Rows, Vectors, kBlock>(l, weights, from, first, columns);
    }
    rest_of_line<Rows - kFewer, Vectors, kBlock>(l, weights, from, pixels, first, columns);
  }
}

// Rows of results from `i` on.
template <int Vectors, Block kBlock>
inline void lines_of_panel(const LinesToCodes& l, const LinePanel& panel, std::int64_t i = 0) {
  constexpr bool kPool = kBlock == Block::squares;
  constexpr int kRows = LineDot::kRows, kPixels = kPool ? kRows / 2 : kRows;
  constexpr int kMade = kPool ? kRows / 4 : kRows;
  const StoreCodes store{l.product.column_sums, l.to};
  const StoreCodes::Columns<Vectors> columns(store, panel.first);
  const std::int64_t width = kPool ? l.width / 2 : l.width;
  for (; i < l.product.rows; i += kPool ? 2 : 1) {
    BlockStart from{l.starts[i], l.starts[kPool ? i + 1 : i]};
    std::int64_t made = (kPool ? i / 2 : i) * width, x = 0;
    for (; x + kPixels <= l.width; x += kPixels, made += kMade) {
      line_block<kRows, Vectors, kBlock>(l, panel.b, from, made, columns);
      from.upper += kPixels * l.pixel, from.lower += kPixels * l.pixel;
    }
    constexpr int kRest = kPool ? kRows - 4 : kRows - 1;
    rest_of_line<kRest, Vectors, kBlock>(l, panel.b, from, l.width - x, made, columns);
  }
}

// Rows of half a block.
template <int Vectors>
inline void narrow_lines_of_panel(const LinesToCodes& l, const LinePanel& panel) {
  const StoreCodes store{l.product.column_sums, l.to};
  const StoreCodes::Columns<Vectors> columns(store, panel.first);
  std::int64_t i = 0;
  for (; i + 2 <= l.product.rows; i += 2) {
    const BlockStart from{l.starts[i], l.starts[i + 1]};
    line_block<LineDot::kRows, Vectors, Block::two_rows>(l, panel.b, from, i * l.width, columns);
  }
  lines_of_panel<Vectors, Block::row>(l, panel, i);
}

// With as many vectors as the panel's columns need.
template <int Vectors>
inline void lines_of_columns(const LinesToCodes& l, const LinePanel& panel) {
  if constexpr (Vectors > 1) {
    if (panel.cols <= (Vectors - 1) * kWidth) return lines_of_columns<Vectors - 1>(l, panel);
  }
  if (l.pool) {
    lines_of_panel<Vectors, Block::squares>(l, panel);
  } else if (2 * l.width == LineDot::kRows) {
    narrow_lines_of_panel<Vectors>(l, panel);
  } else {
    lines_of_panel<Vectors, Block::row>(l, panel);
  }
}

inline void convolve_lines(const LinesToCodes& l) {
  for (std::int64_t j = 0; j < LinePanel::count(l.product); ++j) {
    lines_of_columns<LineDot::kVectors>(l, LinePanel(l.product, j));
  }
}

}  // namespace tt::kernels::TT_ISA
#undef TT_INLINE
