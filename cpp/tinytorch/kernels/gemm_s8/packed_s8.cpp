#include "tinytorch/kernels/gemm_s8/packed_s8.hpp"

#include "tinytorch/base/error.hpp"
#include "tinytorch/kernels/dispatch.hpp"

namespace tt::kernels {

PackedS8 pack_s8(const std::int8_t* b, std::int64_t n, std::int64_t k, const GemmS8Table& table,
                 const PanelShape& shape) {
  if (k > kMaxS8Depth) {
    fail<ValueError>("int8 products sum at most ", kMaxS8Depth, " terms exactly, got ", k,
                     "; split the input features over several layers");
  }
  PackedS8 packed{PackedPanels(shape, n, k), &table, {}};
  packed.column_sums.assign(static_cast<std::size_t>(packed.padded_columns()), 0);
  auto* weights = reinterpret_cast<std::int8_t*>(packed.weights.data());
  for (std::int64_t row = 0; row < n; ++row) {
    std::int32_t sum = 0;
    for (std::int64_t p = 0; p < k; ++p) {
      const std::int8_t w = b[row * k + p];
      if (w == -128) {
        fail<ValueError>("int8 weights must lie in [-127, 127], got -128 at row ", row, ", column ",
                         p, "; quantize symmetrically");
      }
      weights[packed.place(row, p)] = w;
      sum += w;
    }
    packed.column_sums[static_cast<std::size_t>(row)] = sum;
  }
  return packed;
}

PackedS8 pack_s8(const std::int8_t* b, std::int64_t n, std::int64_t k, const GemmS8Table& table) {
  return pack_s8(b, n, k, table, table.shape);
}

PackedS8 pack_s8(const std::int8_t* b, std::int64_t n, std::int64_t k) {
  return pack_s8(b, n, k, active().gemm_s8);
}

void unpack_s8(const PackedS8& packed, std::int8_t* b) {
  const auto* weights = reinterpret_cast<const std::int8_t*>(packed.weights.data());
  for (std::int64_t row = 0; row < packed.n; ++row) {
    for (std::int64_t p = 0; p < packed.k; ++p) {
      b[row * packed.k + p] = weights[packed.place(row, p)];
    }
  }
}

void unpack_row(const PackedS8& packed, std::int64_t j, float scale, float* out) {
  packed.for_column<std::int8_t>(
      j, [&](std::int64_t p, std::int8_t code) { out[p] = static_cast<float>(code) * scale; });
}

}  // namespace tt::kernels
