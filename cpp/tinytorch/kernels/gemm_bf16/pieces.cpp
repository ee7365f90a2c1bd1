#include "tinytorch/kernels/gemm_bf16/pieces.hpp"

#include "tinytorch/kernels/scratch.hpp"

namespace tt::kernels {
namespace {

constexpr std::int64_t kChunkValues = 1 << 14;  // worth a thread's attention
constexpr std::int64_t kTurned = 64;            // rows encoded together if columns are contiguous
thread_local ScratchBuffer t_line;

void encode_rows(const Bf16Matrix& a, std::int64_t rows, const GemmBf16Table& table,
                 const PackedPanels& b, std::byte* codes) {
  const std::int64_t row_bytes = b.row_bytes();
  for (std::int64_t i = 0; i < rows; ++i, codes += row_bytes) {
    const float* row = a.at + i * a.row;
    if (a.col != 1) {
      float* line = t_line.reserve<float>(b.k);
      for (std::int64_t q = 0; q < b.k; ++q) line[q] = row[q * a.col];
      row = line;
    }
    b.clear_padding(codes);
    table.encode(row, codes, static_cast<std::size_t>(b.k));
  }
}

void encode_columns(const Bf16Matrix& a, std::int64_t rows, const GemmBf16Table& table,
                    const PackedPanels& b, std::byte* codes) {
  const std::int64_t row_bytes = b.row_bytes();
  for (std::int64_t i = 0; i < rows; i += kTurned, codes += kTurned * row_bytes) {
    const std::int64_t count = std::min(kTurned, rows - i);
    for (std::int64_t r = 0; r < count; ++r) b.clear_padding(codes + r * row_bytes);
    table.encode_columns(a.at + i, a.col, count, b.k, codes, row_bytes);
  }
}

}  // namespace

void encode_bf16(const Bf16Matrix& a, std::int64_t m, const GemmBf16Table& table,
                 const PackedPanels& b, std::byte* codes) {
  const bool turned = a.row == 1 && a.col != 1;
  const std::int64_t unit = turned ? kTurned : 1, units = (m + unit - 1) / unit;
  parallel_for(units, grain_for(kChunkValues, unit * b.k),
               [&](std::int64_t begin, std::int64_t end) {
                 const std::int64_t first = begin * unit, last = std::min(m, end * unit);
                 const auto encode = turned ? encode_columns : encode_rows;
                 encode({a.at + first * a.row, a.row, a.col}, last - first, table, b,
                        codes + first * b.row_bytes());
               });
}

void pack_panels_bf16(const Bf16Matrix& b, const GemmBf16Table& table, const PackedPanels& layout,
                      std::byte* panels) {
  const std::int64_t nr = table.shape.nr;
  parallel_for(layout.panel_count(), grain_for(kChunkValues, nr * layout.k),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t j = begin * nr; j < end * nr; j += nr) {
                   table.pack(b.at + j * b.col, b.row, b.col, layout.k, std::min(nr, layout.n - j),
                              panels + layout.place(j, 0) * table.shape.weight_bytes);
                 }
               });
}

void multiply_bf16(const std::byte* codes, std::int64_t m, const GemmBf16Table& table,
                   const PackedPanels& b, const std::byte* panels, const PanelOutput& out) {
  for_each_block(m, b,
                 [&](std::int64_t row, std::int64_t rows, std::int64_t col, std::int64_t cols) {
                   PanelProduct p;
                   p.rows = rows, p.cols = cols, p.groups = b.groups;
                   p.a = codes + row * b.row_bytes(), p.a_row = b.row_bytes();
                   p.b = panels + b.place(col, 0) * b.shape.weight_bytes;
                   PanelOutput part = out;
                   part.y += row * out.y_row + col;
                   if (part.bias != nullptr) part.bias += col;
                   table.multiply(p, part);
                 });
}

}  // namespace tt::kernels
