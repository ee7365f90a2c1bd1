#include "tinytorch/kernels/gemm_bf16/plain.hpp"

#include <algorithm>

#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/packed_panels.hpp"
#include "tinytorch/kernels/scratch.hpp"

namespace tt::kernels {
namespace {

// A is encoded in blocks of kRows x kDepth, B packed in strips of at most kStripBytes: codes are
// read from the caches as long as they fit, and the memory for them stays bounded.
constexpr std::int64_t kRows = 4096, kDepth = 4096, kStripBytes = std::int64_t{8} << 20;
constexpr std::int64_t kChunkValues = 1 << 14;  // worth a thread's attention
constexpr std::int64_t kTurned = 64;            // rows encoded together if columns are contiguous

thread_local ScratchBuffer t_codes, t_panels, t_line;

std::int64_t grain_for(std::int64_t cost) {
  return std::max<std::int64_t>(1, kChunkValues / std::max<std::int64_t>(1, cost));
}

// Rows [first, last) of A, columns [p, p + b.k).
void encode_rows(const Gemm& g, const GemmBf16Table& table, const PackedPanels& b, std::int64_t p,
                 std::int64_t first, std::int64_t last, std::byte* codes) {
  const std::int64_t row_bytes = b.row_bytes();
  for (std::int64_t i = first; i < last; ++i) {
    const float* row = g.a + i * g.a_row + p * g.a_col;
    if (g.a_col != 1) {
      float* line = t_line.reserve<float>(b.k);
      for (std::int64_t q = 0; q < b.k; ++q) line[q] = row[q * g.a_col];
      row = line;
    }
    std::byte* to = codes + (i - first) * row_bytes;
    b.clear_padding(to);
    table.encode(row, to, static_cast<std::size_t>(b.k));
  }
}

void encode_block(const Gemm& g, const GemmBf16Table& table, const PackedPanels& b, std::int64_t p,
                  std::int64_t i0, std::int64_t m, std::byte* codes) {
  const std::int64_t row_bytes = b.row_bytes();
  const bool turned = g.a_row == 1 && g.a_col != 1;
  const std::int64_t unit = turned ? kTurned : 1, units = (m + unit - 1) / unit;
  parallel_for(units, grain_for(unit * b.k), [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t first = begin * unit, last = std::min(m, end * unit);
    std::byte* to = codes + first * row_bytes;
    if (!turned) return encode_rows(g, table, b, p, i0 + first, i0 + last, to);
    for (std::int64_t i = first; i < last; i += kTurned, to += kTurned * row_bytes) {
      const std::int64_t rows = std::min(kTurned, last - i);
      for (std::int64_t r = 0; r < rows; ++r) b.clear_padding(to + r * row_bytes);
      table.encode_columns(g.a + (i0 + i) + p * g.a_col, g.a_col, rows, b.k, to, row_bytes);
    }
  });
}

void pack_strip(const Gemm& g, const GemmBf16Table& table, const PackedPanels& b, std::int64_t p,
                std::int64_t j0, std::byte* panels) {
  const std::int64_t nr = table.shape.nr;
  parallel_for(b.panel_count(), grain_for(nr * b.k), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t j = begin; j < end; ++j) {
      table.pack(g.b + p * g.b_row + (j0 + j * nr) * g.b_col, g.b_row, g.b_col, b.k,
                 std::min(nr, b.n - j * nr), panels + b.place(j * nr, 0) * b.shape.weight_bytes);
    }
  });
}

void multiply(const GemmBf16Table& table, const PackedPanels& b, const std::byte* codes,
              const std::byte* panels, std::int64_t m, const Bf16Output& out) {
  for_each_block(m, b,
                 [&](std::int64_t row, std::int64_t rows, std::int64_t col, std::int64_t cols) {
                   PanelProduct p;
                   p.rows = rows, p.cols = cols, p.groups = b.groups;
                   p.a = codes + row * b.row_bytes(), p.a_row = b.row_bytes();
                   p.b = panels + b.place(col, 0) * b.shape.weight_bytes;
                   Bf16Output part = out;
                   part.y += row * out.y_row + col;
                   if (part.bias != nullptr) part.bias += col;
                   table.multiply(p, part);
                 });
}

// All of N for rows [i0, i0 + m) and columns [p, p + depth) of A.
void block_of_rows(const Gemm& g, const GemmBf16Table& table, std::int64_t i0, std::int64_t m,
                   std::int64_t p, std::int64_t depth) {
  const std::int64_t nr = table.shape.nr;
  const std::int64_t fit = kStripBytes / (table.shape.weight_bytes * depth) / nr * nr;
  const std::int64_t strip = std::max(nr, fit);
  std::byte* codes = nullptr;
  for (std::int64_t j = 0; j < g.n; j += strip) {
    stop_if_interrupted();
    const auto b = PackedPanels::layout(table.shape, std::min(strip, g.n - j), depth);
    if (j == 0) {
      codes = t_codes.reserve<std::byte>(m * b.row_bytes());
      encode_block(g, table, b, p, i0, m, codes);
    }
    std::byte* panels = t_panels.reserve<std::byte>(b.bytes());
    pack_strip(g, table, b, p, j, panels);
    const float* bias = g.bias != nullptr && p + depth == g.k ? g.bias + j : nullptr;
    multiply(table, b, codes, panels, m,
             {g.c + i0 * g.c_row + j, g.c_row, g.accumulate || p > 0, bias});
  }
}

}  // namespace

void gemm_bf16(const Gemm& g, const GemmBf16Table& table) {
  if (g.m <= 0 || g.n <= 0) return;
  if (g.k <= 0) return gemm(g);
  count_call(Family::gemm_bf16);
  for (std::int64_t i = 0; i < g.m; i += kRows) {
    for (std::int64_t p = 0; p < g.k; p += kDepth) {
      block_of_rows(g, table, i, std::min(kRows, g.m - i), p, std::min(kDepth, g.k - p));
    }
  }
}

void gemm_bf16(const Gemm& g) { gemm_bf16(g, active().gemm_bf16); }

}  // namespace tt::kernels
