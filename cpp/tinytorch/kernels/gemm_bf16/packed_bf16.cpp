#include "tinytorch/kernels/gemm_bf16/packed_bf16.hpp"

#include "tinytorch/base/half.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/gemm_bf16/pieces.hpp"
#include "tinytorch/kernels/scratch.hpp"

namespace tt::kernels {
namespace {

thread_local ScratchBuffer t_codes;

}  // namespace

PackedBf16 pack_bf16(const float* b, std::int64_t row, std::int64_t col, std::int64_t k,
                     std::int64_t n, const GemmBf16Table& table) {
  PackedBf16 packed{PackedPanels(table.shape, n, k), &table};
  pack_panels_bf16({b, row, col}, table, packed, packed.weights.data());
  return packed;
}

PackedBf16 pack_bf16(const float* b, std::int64_t row, std::int64_t col, std::int64_t k,
                     std::int64_t n) {
  return pack_bf16(b, row, col, k, n, active().gemm_bf16);
}

void unpack_column(const PackedBf16& b, std::int64_t j, float* out) {
  b.for_column<bf16>(j, [&](std::int64_t p, bf16 weight) { out[p] = static_cast<float>(weight); });
}

void gemm_bf16(const float* a, std::int64_t m, std::int64_t a_row, const PackedBf16& b,
               const PanelOutput& out) {
  count_call(Family::gemm_bf16);
  std::byte* codes = t_codes.reserve<std::byte>(m * b.row_bytes());
  encode_bf16({a, a_row, 1}, m, *b.table, b, codes);
  multiply_bf16(codes, m, *b.table, b, b.weights.data(), out);
}

}  // namespace tt::kernels
