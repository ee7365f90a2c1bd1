#include "tinytorch/kernels/gemm_bf16/code_panels.hpp"

#include "tinytorch/kernels/gemm_bf16/pieces.hpp"
#include "tinytorch/kernels/scratch.hpp"

namespace tt::kernels {
namespace {

thread_local ScratchBuffer t_codes, t_panels;

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

void CodePanelView::multiply(const Rows& rows, const PanelOutput& out) const {
  const auto layout = PackedPanels::layout(table->shape, n, k);
  auto* codes = t_codes.reserve<std::byte>(rows.count * layout.row_bytes());
  encode(*table, rows, layout, codes);
  PanelProduct p;
  p.rows = rows.count, p.cols = n, p.groups = layout.groups;
  p.a = codes, p.a_row = layout.row_bytes();
  p.b = data;
  table->multiply(p, out);
}

void multiply_turned_codes(const GemmBf16Table& table, const float* a, const float* b,
                           std::int64_t m, std::int64_t n, std::int64_t k, bool accumulate,
                           float* c) {
  const auto layout = PackedPanels::layout(table.shape, n, k);
  auto* panels = t_panels.reserve<std::byte>(layout.bytes());
  pack_panels_bf16({b, n, 1}, table, layout, panels);
  CodePanelView{&table, panels, k, n}.multiply({a, 1, m, m}, {c, n, accumulate, nullptr});
}

}  // namespace tt::kernels
