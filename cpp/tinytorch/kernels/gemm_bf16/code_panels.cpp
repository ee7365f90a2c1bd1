#include "tinytorch/kernels/gemm_bf16/code_panels.hpp"

#include <algorithm>

#include "tinytorch/kernels/packed_panels.hpp"
#include "tinytorch/kernels/scratch.hpp"

namespace tt::kernels {
namespace {

thread_local ScratchBuffer t_codes;

void encode(const GemmBf16Table& table, const Rows& rows, const PackedPanels& layout,
            std::byte* codes) {
  const std::int64_t row_bytes = layout.row_bytes();
  if (rows.step != 1) {
    table.encode_columns(rows.a, rows.step, rows.count, layout.k, codes, row_bytes);
  } else if (rows.row == layout.k && layout.k % layout.shape.k_step == 0) {  // one run of values
    table.encode(rows.a, codes, static_cast<std::size_t>(rows.count * layout.k));
  } else {
    for (std::int64_t i = 0; i < rows.count; ++i) {
      table.encode(rows.a + i * rows.row, codes + i * row_bytes,
                   static_cast<std::size_t>(layout.k));
    }
  }
}

}  // namespace

bool multiplies_codes(const GemmBf16Table& table) {
  return table.shape.code_bytes == sizeof(std::uint16_t) && table.shape.group_align == 1;
}

std::int64_t CodePanelView::bytes() const {
  return PackedPanels::layout(table->shape, n, k).bytes();
}

void CodePanelView::multiply(const Rows& rows, float* c, std::int64_t c_row,
                             const float* bias) const {
  const auto layout = PackedPanels::layout(table->shape, n, k);
  auto* codes = t_codes.reserve<std::byte>(rows.count * layout.row_bytes());
  encode(*table, rows, layout, codes);
  PanelProduct p;
  p.rows = rows.count, p.cols = n, p.groups = layout.groups;
  p.a = codes, p.a_row = layout.row_bytes();
  p.b = data;
  table->multiply(p, {c, c_row, false, bias});
}

void multiply_turned_codes(const GemmBf16Table& table, const float* a, const float* b,
                           std::int64_t m, std::int64_t n, std::int64_t k, bool accumulate,
                           float* c) {
  const auto layout = PackedPanels::layout(table.shape, n, k);
  const std::int64_t nr = table.shape.nr, code_bytes = m * layout.row_bytes();
  auto* codes = t_codes.reserve<std::byte>(code_bytes + layout.bytes());
  std::byte* panels = codes + code_bytes;
  encode(table, {a, 1, m, m}, layout, codes);
  for (std::int64_t j = 0; j < n; j += nr) {
    table.pack(b + j, n, 1, k, std::min(nr, n - j),
               panels + layout.place(j, 0) * table.shape.weight_bytes);
  }
  PanelProduct p;
  p.rows = m, p.cols = n, p.groups = layout.groups;
  p.a = codes, p.a_row = layout.row_bytes();
  p.b = panels;
  table.multiply(p, {c, n, accumulate, nullptr});
}

}  // namespace tt::kernels
