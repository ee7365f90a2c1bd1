#include "tinytorch/kernels/gemm_f32/panels.hpp"

#include <algorithm>

namespace tt::kernels {
namespace {

// k of a panel that stays in the first cache while blocks of rows pass.
constexpr std::int64_t kDepth = 384;

}  // namespace

void PanelView::multiply(const Rows& rows, float* c, std::int64_t c_row, const float* bias,
                         std::int64_t first, std::int64_t last) const {
  const std::int64_t nr = table->nr;
  // Blocks of equal size, not whole ones and a rest: few rows cannot hide the latency of a sum.
  const std::int64_t blocks = (rows.count + table->mr - 1) / table->mr;
  GemmTile t{};
  t.a_row = rows.row, t.a_step = rows.step;
  t.b_step = nr, t.b_padded = true;
  t.c_row = c_row;
  for (std::int64_t p0 = 0; p0 < k; p0 += kDepth) {
    t.k = std::min(kDepth, k - p0);
    t.accumulate = p0 > 0;
    for (std::int64_t panel = first; panel < last; ++panel) {
      t.b = data + (panel * packed_k + p0) * nr;
      t.cols = static_cast<int>(std::min(nr, n - panel * nr));
      t.bias = bias != nullptr && p0 + t.k == k ? bias + panel * nr : nullptr;
      for (std::int64_t i = 0; i < blocks; ++i) {
        const std::int64_t begin = rows.count * i / blocks, end = rows.count * (i + 1) / blocks;
        t.a = rows.a + begin * rows.row + p0 * rows.step;
        t.c = c + begin * c_row + panel * nr;
        t.rows = static_cast<int>(end - begin);
        table->tile(t);
      }
    }
  }
}

void pack_panels(const GemmTable& table, const float* b, std::int64_t row, std::int64_t col,
                 std::int64_t k, std::int64_t n, float* panels) {
  table.pack({b, col, row, n, k, table.nr, panels, table.nr * k});
}

void pack_passes(const GemmTable& table, const PanelCopy& whole, std::int64_t first,
                 std::int64_t last) {
  if (first >= last) return;
  const std::int64_t width = whole.width, begin = first * width;
  const std::int64_t padded = (whole.count + width - 1) / width * width;
  for (std::int64_t p = 0; p < whole.depth; p += kGemmDepth) {
    PanelCopy c = whole;
    c.depth = std::min(kGemmDepth, whole.depth - p);
    c.source += begin * c.across + p * c.along;
    c.count = std::min(last * width, whole.count) - begin;
    c.out += p * padded + begin * c.depth;
    c.out_panel = width * c.depth;
    table.pack(c);
  }
}

}  // namespace tt::kernels
