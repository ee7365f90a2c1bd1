// Convolution of codes without copies of windows: neighbours in a row of results take the same
// line, some bytes further on.
#pragma once
#include "tinytorch/kernels/conv_s8/store_codes.simd.hpp"
#include "tinytorch/kernels/conv_s8/store_pairs.simd.hpp"

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

// What a group of k is in a line, and what becomes of sums: a convolution's plain ones,
struct PlainLines {
  using Args = LinesToCodes;
  static constexpr int kGroupCodes = LineDot::kStep;
  static auto broadcast(const Code* p) { return LineDot::broadcast(p); }
  static const LinesToCodes& lines(const Args& l) { return l; }

  template <int Vectors>
  struct Columns {
    using Kept = I32;
    Columns(const Args& l, std::int64_t first)
        : store(StoreCodes{l.product.column_sums, l.to}, first) {}
    Kept keep(int, I32 sums, std::int64_t) const { return sums; }
    [[gnu::always_inline]] void put(std::int64_t row, int v, Kept kept) const {
      store.put(row, v, kept);
    }
    StoreCodes::Columns<Vectors> store;
  };
};
// or those of mirror pairs.
struct PairLines {
  using Args = PairLinesToCodes;
  static constexpr int kGroupCodes = 2 * LineDot::kStep;
  static auto broadcast(const Code* p) { return broadcast_two(p); }
  static const LinesToCodes& lines(const Args& l) { return l.lines; }
  template <int Vectors>
  using Columns = PairColumns<Vectors>;
};

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

template <class Way, int Rows, int Vectors, Block kBlock>
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
      const auto row = Way::broadcast(reinterpret_cast<const Code*>(line + kPlace.pixel * pixel));
      unrolled<Vectors>([&](auto v) TT_INLINE {
        at[r.value][v.value] = LineDot::dot(at[r.value][v.value], row, columns[v.value]);
      });
    });
  }
};

// One panel's columns of a convolution.
template <class Way, int Vectors>
struct LineColumns {
  const LinesToCodes& lines;
  const LineDot::Weight* weights;
  typename Way::template Columns<Vectors> columns;

  LineColumns(const typename Way::Args& l, const LinePanel& panel)
      : lines(Way::lines(l)), weights(panel.b), columns(l, panel.first) {}

  // Results from `first` of all results on, to pixel `made` of `to`.
  template <int Rows, Block kBlock>
  void block(BlockStart from, std::int64_t first, std::int64_t made) const {
    constexpr std::int64_t kGroupBytes = Way::kGroupCodes * sizeof(Code);
    constexpr std::int64_t kGroupWeights = LinePanel::kColumns * LineDot::kStep;
    const LineDot::Weight* w = weights;
    LineSums<Way, Rows, Vectors, kBlock> sums;
    sums.clear();
    for (std::int64_t u = 0; u < lines.kernel_h; ++u) {
      const std::int64_t down = u * lines.line;
      BlockStart at{from.upper + down, from.lower + down};
      for (std::int64_t g = 0; g < lines.run_groups; ++g, w += kGroupWeights) {
        sums.add(at, lines.pixel, w);
        at.upper += kGroupBytes, at.lower += kGroupBytes;
      }
    }
    unrolled<Vectors>([&](auto v) TT_INLINE {
      using Kept = typename Way::template Columns<Vectors>::Kept;
      Kept most(0);
      unrolled<Rows>([&](auto r) TT_INLINE {
        constexpr RowPlace kPlace = place_of_row<Rows, kBlock>(r.value);
        const Kept kept = columns.keep(v.value, I32(sums.at[r.value][v.value]),
                                       first + (kPlace.lower ? lines.width : 0) + kPlace.pixel);
        if constexpr (kBlock != Block::squares) {
          columns.put(made + r.value, v.value, kept);
        } else {
          most = r.value % 4 == 0 ? kept : xsimd::max(most, kept);
          if (r.value % 4 == 3) columns.put(made + r.value / 4, v.value, most);
        }
      });
    });
  }

  // What is left of a row of results after whole blocks: `pixels`, which need at most Rows rows.
  template <int Rows, Block kBlock>
  void rest(BlockStart from, std::int64_t pixels, std::int64_t first, std::int64_t made) const {
    constexpr bool kPool = kBlock == Block::squares;
    constexpr int kFewer = kPool ? 4 : 1;
    if constexpr (Rows >= kFewer) {
      if (pixels == (kPool ? Rows / 2 : Rows)) return block<Rows, kBlock>(from, first, made);
      rest<Rows - kFewer, kBlock>(from, pixels, first, made);
    }
  }

  // Rows of results from `i` on.
  template <Block kBlock>
  void rows(std::int64_t i = 0) const {
    constexpr bool kPool = kBlock == Block::squares;
    constexpr int kRows = LineDot::kRows, kPixels = kPool ? kRows / 2 : kRows;
    constexpr int kMade = kPool ? kRows / 4 : kRows;
    const std::int64_t width = kPool ? lines.width / 2 : lines.width;
    for (; i < lines.product.rows; i += kPool ? 2 : 1) {
      BlockStart from{lines.starts[i], lines.starts[kPool ? i + 1 : i]};
      std::int64_t made = (kPool ? i / 2 : i) * width, x = 0;
      for (; x + kPixels <= lines.width; x += kPixels, made += kMade) {
        block<kRows, kBlock>(from, i * lines.width + x, made);
        from.upper += kPixels * lines.pixel, from.lower += kPixels * lines.pixel;
      }
      constexpr int kRest = kPool ? kRows - 4 : kRows - 1;
      rest<kRest, kBlock>(from, lines.width - x, i * lines.width + x, made);
    }
  }

  // Rows of half a block.
  void narrow_rows() const {
    std::int64_t i = 0;
    for (; i + 2 <= lines.product.rows; i += 2) {
      const BlockStart from{lines.starts[i], lines.starts[i + 1]};
      block<LineDot::kRows, Block::two_rows>(from, i * lines.width, i * lines.width);
    }
    rows<Block::row>(i);
  }
};

// With as many vectors as the panel's columns need.
template <class Way, int Vectors>
inline void lines_of_columns(const typename Way::Args& l, const LinePanel& panel) {
  if constexpr (Vectors > 1) {
    if (panel.cols <= (Vectors - 1) * kWidth) return lines_of_columns<Way, Vectors - 1>(l, panel);
  }
  const LineColumns<Way, Vectors> columns(l, panel);
  if (columns.lines.pool) {
    columns.template rows<Block::squares>();
  } else if (2 * columns.lines.width == LineDot::kRows) {
    columns.narrow_rows();
  } else {
    columns.template rows<Block::row>();
  }
}

template <class Way>
inline void convolve(const typename Way::Args& l) {
  const S8Product& product = Way::lines(l).product;
  for (std::int64_t j = 0; j < LinePanel::count(product); ++j) {
    lines_of_columns<Way, LineDot::kVectors>(l, LinePanel(product, j));
  }
}

inline void convolve_lines(const LinesToCodes& l) { convolve<PlainLines>(l); }
inline void convolve_pairs(const PairLinesToCodes& l) { convolve<PairLines>(l); }

}  // namespace tt::kernels::TT_ISA
#undef TT_INLINE
