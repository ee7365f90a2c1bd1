#include "tinytorch/kernels/gemm_bf16/plain.hpp"

#include <algorithm>

#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/gemm_bf16/pieces.hpp"
#include "tinytorch/kernels/scratch.hpp"

namespace tt::kernels {
namespace {

// A is encoded in blocks of kRows x kDepth, B packed in strips of at most kStripBytes: codes are
// read from the caches as long as they fit, and the memory for them stays bounded.
constexpr std::int64_t kRows = 4096, kDepth = 4096, kStripBytes = std::int64_t{8} << 20;

thread_local ScratchBuffer t_codes, t_panels;

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
      encode_bf16({g.a + i0 * g.a_row + p * g.a_col, g.a_row, g.a_col}, m, table, b, codes);
    }
    std::byte* panels = t_panels.reserve<std::byte>(b.bytes());
    pack_panels_bf16({g.b + p * g.b_row + j * g.b_col, g.b_row, g.b_col}, table, b, panels);
    const float* bias = g.bias != nullptr && p + depth == g.k ? g.bias + j : nullptr;
    multiply_bf16(codes, m, table, b, panels,
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
