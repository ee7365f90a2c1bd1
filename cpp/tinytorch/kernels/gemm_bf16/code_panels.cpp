#include "tinytorch/kernels/gemm_bf16/code_panels.hpp"

#include "tinytorch/kernels/packed_panels.hpp"
#include "tinytorch/kernels/scratch.hpp"

namespace tt::kernels {
namespace {

thread_local ScratchBuffer t_codes, t_panels;

void encode(const GemmBf16Table& table, const Rows& rows, const PackedPanels& layout,
            std::byte* codes) {
  if (rows.row == layout.k && layout.k % layout.shape.k_step == 0) {  // one run of values
    table.encode(rows.a, codes, static_cast<std::size_t>(rows.count * layout.k));
    return;
  }
  for (std::int64_t i = 0; i < rows.count; ++i, codes += layout.row_bytes()) {
    table.encode(rows.a + i * rows.row, codes, static_cast<std::size_t>(layout.k));
  }
}

void multiply_encoded(const CodePanelView& b, const PackedPanels& layout, const std::byte* codes,
                      std::int64_t rows, const PanelOutput& out) {
  PanelProduct p;
  p.rows = rows, p.cols = b.n, p.groups = layout.groups;
  p.a = codes, p.a_row = layout.row_bytes();
  p.b = b.data;
  b.table->multiply(p, out);
}

}  // namespace

bool multiplies_codes(const GemmBf16Table& table) {
  return table.shape.code_bytes == sizeof(std::uint16_t) && table.shape.group_align == 1;
}

void CodePanelView::multiply(const Rows& rows, const PanelOutput& out) const {
  const auto layout = PackedPanels::layout(table->shape, n, k);
  auto* codes = t_codes.reserve<std::byte>(rows.count * layout.row_bytes());
  encode(*table, rows, layout, codes);
  multiply_encoded(*this, layout, codes, rows.count, out);
}

void CodePanelView::multiply_codes(const std::uint16_t* rows, std::int64_t count,
                                   const PanelOutput& out) const {
  const auto layout = PackedPanels::layout(table->shape, n, k);
  multiply_encoded(*this, layout, reinterpret_cast<const std::byte*>(rows), count, out);
}

void multiply_turned_codes(const GemmBf16Table& table, const std::uint16_t* a,
                           const std::uint16_t* b, std::int64_t m, std::int64_t n, std::int64_t k,
                           bool accumulate, float* c) {
  const auto layout = PackedPanels::layout(table.shape, n, k);
  auto* panels = t_panels.reserve<std::byte>(layout.bytes());
  for (std::int64_t j = 0; j < n; j += table.shape.nr) {
    table.pack_codes(b + j, n, k, n - j, panels + layout.place(j, 0) * table.shape.weight_bytes);
  }
  auto* codes = t_codes.reserve<std::byte>(m * layout.row_bytes());
  table.turn_codes(a, m, m, k, codes, layout.row_bytes());
  multiply_encoded({&table, panels, k, n}, layout, codes, m, {c, n, accumulate, nullptr});
}

}  // namespace tt::kernels
