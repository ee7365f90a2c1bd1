#include "tinytorch/kernels/gemm_bf16/packed_bf16.hpp"

#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/scratch.hpp"

namespace tt::kernels {
namespace {

constexpr std::int64_t kChunkValues = 1 << 14;  // worth a thread's attention
thread_local ScratchBuffer t_codes;

std::int64_t grain_for(std::int64_t cost) {
  return std::max<std::int64_t>(1, kChunkValues / std::max<std::int64_t>(1, cost));
}

}  // namespace

PackedBf16 pack_bf16(const float* b, std::int64_t row, std::int64_t col, std::int64_t k,
                     std::int64_t n, const GemmBf16Table& table) {
  PackedBf16 packed{PackedPanels(table.shape, n, k), &table};
  const std::int64_t nr = table.shape.nr;
  parallel_for(packed.panel_count(), grain_for(nr * k), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t j = begin; j < end; ++j) {
      table.pack(b + j * nr * col, row, col, k, std::min(nr, n - j * nr),
                 packed.weights.data() + packed.place(j * nr, 0) * table.shape.weight_bytes);
    }
  });
  return packed;
}

PackedBf16 pack_bf16(const float* b, std::int64_t row, std::int64_t col, std::int64_t k,
                     std::int64_t n) {
  return pack_bf16(b, row, col, k, n, active().gemm_bf16);
}

void gemm_bf16(const float* a, std::int64_t m, std::int64_t a_row, const PackedBf16& b,
               const Bf16Output& out) {
  count_call(Family::gemm_bf16);
  const std::int64_t row_bytes = b.row_bytes();
  std::byte* codes = t_codes.reserve<std::byte>(m * row_bytes);
  parallel_for(m, grain_for(b.k), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      b.clear_padding(codes + i * row_bytes);
      b.table->encode(a + i * a_row, codes + i * row_bytes, static_cast<std::size_t>(b.k));
    }
  });
  for_each_block(m, b,
                 [&](std::int64_t row, std::int64_t rows, std::int64_t col, std::int64_t cols) {
                   PanelProduct p = b.product(col, cols);
                   p.rows = rows;
                   p.a = codes + row * row_bytes;
                   Bf16Output part = out;
                   part.y += row * out.y_row + col;
                   if (part.bias != nullptr) part.bias += col;
                   b.table->multiply(p, part);
                 });
}

}  // namespace tt::kernels
