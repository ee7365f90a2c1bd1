// Products with AMX's tile registers (16 rows of 64 bytes), for the instruction set `amx`.
// A holds rows of codes, B panels of kTileCols columns in groups of 4 bytes along k:
//   [groups][kTileCols][4 bytes], groups a multiple of 16.
// A block of the result is up to 32 x 32: two tiles of A against two of B, in four tiles of sums.
#pragma once
#include <immintrin.h>

#include "tinytorch/kernels/simd.hpp"

namespace tt::kernels::TT_ISA {

inline constexpr int kTileRows = 16, kTileBlock = 2 * kTileRows, kTileCols = 32;
inline constexpr std::int64_t kTileGroups = 16, kTileBytes = 64;  // of k per step, of a row of A

struct alignas(64) TileConfig {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};

// Sums in tiles 0 .. 3, A in 4 and 5, B in 6 and 7.
inline void configure_tiles(int first_rows, int second_rows) {
  TileConfig c;
  for (int t = 0; t < 8; ++t) c.row_bytes[t] = 64, c.rows[t] = 16;
  const int second = second_rows > 0 ? second_rows : 1;
  c.rows[0] = c.rows[1] = c.rows[4] = static_cast<std::uint8_t>(first_rows);
  c.rows[2] = c.rows[3] = c.rows[5] = static_cast<std::uint8_t>(second);
  // GCC's intrinsic claims to read 8 bytes of it: the rest must have been written as well.
  __asm__ volatile("" : : "r"(&c) : "memory");
  _tile_loadconfig(&c);
}

// A block of sums, `row` bytes between rows: both tiles of the upper rows, and of the lower with
// kTwo.
template <bool kTwo = true>
[[gnu::always_inline]] inline void zero_sums() {
  _tile_zero(0);
  _tile_zero(1);
  if constexpr (kTwo) {
    _tile_zero(2);
    _tile_zero(3);
  }
}
template <bool kTwo = true>
[[gnu::always_inline]] inline void load_sums(const void* from, std::int64_t row) {
  const auto* at = static_cast<const std::byte*>(from);
  _tile_loadd(0, at, row);
  _tile_loadd(1, at + kTileBytes, row);
  if constexpr (kTwo) {
    _tile_loadd(2, at + kTileRows * row, row);
    _tile_loadd(3, at + kTileRows * row + kTileBytes, row);
  }
}
[[gnu::always_inline]] inline void store_upper_sums(void* to, std::int64_t row) {
  _tile_stored(0, to, row);
  _tile_stored(1, static_cast<std::byte*>(to) + kTileBytes, row);
}
[[gnu::always_inline]] inline void store_lower_sums(void* to, std::int64_t row) {
  _tile_stored(2, to, row);
  _tile_stored(3, static_cast<std::byte*>(to) + kTileBytes, row);
}

struct TileProduct {
  const std::byte* a;
  std::int64_t a_row;      // bytes between rows
  const std::byte* b;      // a panel
  const std::byte* ahead;  // of B, read next: its cache lines are fetched meanwhile, some a step
  std::int64_t groups;     // multiple of kTileGroups
  void* sums;              // [32][32] of 4 bytes, 64-byte aligned
};

// Op names the instruction: its four functions multiply the tiles of A (upper, lower) by those of B
// (left, right). GCC wants plain numbers as the intrinsics' operands. With `more`, the products are
// added to p.sums. kLines of B are fetched ahead per step.
template <class Op, bool kTwo, int kLines>
inline void multiply_tiles(const TileProduct& p, bool more) {
  constexpr std::int64_t kPanelRow = kTileCols * 4;
  more ? load_sums<kTwo>(p.sums, kPanelRow) : zero_sums<kTwo>();
  const std::byte *a = p.a, *b = p.b, *below = p.a + kTileRows * p.a_row, *ahead = p.ahead;
  for (std::int64_t g = 0; g < p.groups; g += kTileGroups) {
    _tile_loadd(6, b, kPanelRow);
    _tile_loadd(4, a, p.a_row);
    Op::upper_left();
    _tile_loadd(7, b + kTileBytes, kPanelRow);
    Op::upper_right();
    TT_UNROLL for (int line = 0; line < kLines; ++line) {
      _mm_prefetch(reinterpret_cast<const char*>(ahead) + line * kTileBytes, _MM_HINT_T1);
    }
    ahead += kLines * kTileBytes;
    if constexpr (kTwo) {
      _tile_loadd(5, below, p.a_row);
      Op::lower_left();
      Op::lower_right();
      below += kTileBytes;
    }
    a += kTileBytes;
    b += kTileGroups * kPanelRow;
  }
  store_upper_sums(p.sums, kPanelRow);
  if constexpr (kTwo)
    store_lower_sums(static_cast<std::byte*>(p.sums) + kTileRows * kPanelRow, kPanelRow);
}

// Deep products go in passes over k, so that a pass of a panel stays in the first cache while
// several blocks of rows meet it. Sums kept between passes lose nothing.
inline constexpr std::int64_t kPassGroups = 8 * kTileGroups, kOnePassGroups = 12 * kTileGroups;
inline constexpr std::int64_t kPassBlocks = 4;  // blocks of rows that share a pass
inline constexpr int kSharedLines = 8;  // a panel's lines are fetched by several blocks of rows
using TileSums = std::int32_t[kTileBlock * kTileCols];

// Rows [0, rows), whole blocks and at most kPassBlocks of them, of one panel.
template <class Op, class Done>
inline void multiply_in_passes(const TileProduct& of, std::int64_t rows, TileSums* sums,
                               const Done& done) {
  TileProduct p = of;
  for (std::int64_t g = 0; g < of.groups; g += kPassGroups) {
    const std::int64_t left = of.groups - g;
    p.groups = left < kPassGroups ? left : kPassGroups;
    p.b = of.b + g * kTileCols * 4;
    for (std::int64_t i = 0; i < rows; i += kTileBlock) {
      p.a = of.a + i * of.a_row + g * 4;
      p.sums = sums[i / kTileBlock];
      p.ahead = p.b + kPassGroups * kTileCols * 4 + i / kTileBlock * 4096;
      multiply_tiles<Op, true, kSharedLines>(p, g > 0);
      if (left <= kPassGroups) done(i, sums[i / kTileBlock]);
    }
  }
}

// Whole blocks of rows, done(first row, panel index, sums) for each.
template <class Op, class Done>
inline void multiply_blocks(const TileProduct& of, std::int64_t rows, std::int64_t panels,
                            TileSums* sums, const Done& done) {
  const std::int64_t panel_bytes = of.groups * kTileCols * 4;
  // Shallow products need no passes: all rows meet a panel.
  const bool shallow = of.groups <= kOnePassGroups;
  const std::int64_t together = shallow ? rows : kPassBlocks * kTileBlock;
  TileProduct p = of;
  for (std::int64_t first = 0; first < rows; first += together) {
    const std::int64_t last = first + together < rows ? first + together : rows;
    for (std::int64_t j = 0; j < panels; ++j) {
      p.b = of.b + j * panel_bytes;
      p.a = of.a + first * p.a_row;
      if (!shallow) {
        multiply_in_passes<Op>(p, last - first, sums,
                               [&](std::int64_t i, const void* made) { done(first + i, j, made); });
        continue;
      }
      p.sums = sums[0];
      for (std::int64_t i = first; i < last; i += kTileBlock, p.a += kTileBlock * p.a_row) {
        p.ahead = p.b + panel_bytes + (i - first) / kTileBlock * 4096;
        multiply_tiles<Op, true, kSharedLines>(p, false);
        done(i, j, sums[0]);
      }
    }
  }
}

// At most kTileBlock rows: the panels stream by, and each step fetches a whole one further on.
template <class Op, class Done>
inline void multiply_few(const TileProduct& of, std::int64_t rows, std::int64_t panels,
                         TileSums& sums, const Done& done) {
  constexpr int kStepLines = kTileGroups * kTileCols * 4 / kTileBytes;
  constexpr std::int64_t kAheadBytes = 4 * kStepLines * kTileBytes;
  TileProduct p = of;
  p.sums = sums;
  for (std::int64_t j = 0; j < panels; ++j) {
    p.b = of.b + j * of.groups * kTileCols * 4;
    p.ahead = p.b + kAheadBytes;
    rows > kTileRows ? multiply_tiles<Op, true, kStepLines>(p, false)
                     : multiply_tiles<Op, false, kStepLines>(p, false);
    done(j, sums);
  }
}

// Calls done(first row, rows, panel index, sums) for every block of `rows` rows by `panels` panels.
// The configuration of the tiles costs as much as a small block: it changes once at most.
template <class Op, class Done>
inline void for_each_tile_block(const TileProduct& of, std::int64_t rows, std::int64_t panels,
                                const Done& done) {
  alignas(64) TileSums sums[kPassBlocks];
  const std::int64_t whole = rows > kTileBlock ? rows / kTileBlock * kTileBlock : 0;
  if (whole > 0) {
    configure_tiles(kTileRows, kTileRows);
    multiply_blocks<Op>(
        of, whole, panels, sums,
        [&](std::int64_t i, std::int64_t j, const void* made) { done(i, kTileBlock, j, made); });
  }
  if (const std::int64_t rest = rows - whole; rest > 0) {
    const int first = rest < kTileRows ? static_cast<int>(rest) : kTileRows;
    configure_tiles(first, static_cast<int>(rest) - first);
    TileProduct p = of;
    p.a = of.a + whole * of.a_row;
    multiply_few<Op>(p, rest, panels, sums[0],
                     [&](std::int64_t j, const void* made) { done(whole, rest, j, made); });
  }
  _tile_release();
}

}  // namespace tt::kernels::TT_ISA
