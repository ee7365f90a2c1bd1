// Packed int8 weights and the products with them that layers call. Packing is an ISA-specific
// layout made once per layer; files hold only the plain layout [n, k].
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tinytorch/kernels/gemm_s8/gemm_s8.hpp"
#include "tinytorch/kernels/packed_panels.hpp"

namespace tt::kernels {

struct PackedS8 : PackedPanels {
  const GemmS8Table* table = nullptr;     // the instruction set it is packed for
  std::vector<std::int32_t> column_sums;  // per column, padded to whole panels

  S8Product product(std::int64_t first, std::int64_t cols) const {
    return {PackedPanels::product(first, cols), column_sums.data() + first};
  }
};

// b[n, k] contiguous with values in [-127, 127]; ValueError for -128 or k > kMaxS8Depth.
PackedS8 pack_s8(const std::int8_t* b, std::int64_t n, std::int64_t k);  // for active()
PackedS8 pack_s8(const std::int8_t* b, std::int64_t n, std::int64_t k, const GemmS8Table& table);
// For kernels of the same instruction set that want another shape of panels.
PackedS8 pack_s8(const std::int8_t* b, std::int64_t n, std::int64_t k, const GemmS8Table& table,
                 const PanelShape& shape);
void unpack_s8(const PackedS8& packed, std::int8_t* b);  // the plain layout again
// Row j of B times `scale`: out[k].
void unpack_row(const PackedS8& packed, std::int64_t j, float scale, float* out);

// The symmetric scale of values whose largest magnitude has these bits: max / 127. Not finite:
// NaN, so that the whole row becomes NaN. Magnitudes below 2^-100 count as 2^-100.
float s8_scale(std::uint32_t abs_max_bits);
// 127 / max, in step with s8_scale: what quantization multiplies by.
float s8_inverse_scale(std::uint32_t abs_max_bits);

// acc[m, n] = A B^T for plain int8 A (values in [-127, 127]) with contiguous rows.
void gemm_s8(const std::int8_t* a, std::int64_t m, std::int64_t a_row, const PackedS8& b,
             std::int32_t* acc, std::int64_t acc_row);

// y[m, n] = (A B^T)[row, col] * row_scale[row] * scale_w[col] + bias[col] for encoded A,
// row_bytes() apart. bias may be null. With `accumulate`, y grows by the result.
void gemm_s8_scaled(const std::byte* codes, std::int64_t m, const PackedS8& b,
                    const float* row_scale, const float* scale_w, const float* bias, float* y,
                    std::int64_t y_row, bool accumulate = false);

// y[m, n] = (x quantized per row) B^T * scale_x[row] * scale_w[n] + bias[n]; bias may be null.
// x_scale > 0 is a calibrated scale for all rows (values beyond 127 of it saturate); 0 measures
// each row. With `accumulate`, y grows by the result. Parallel over rows and columns. Same bits on
// every ISA and for any thread count; a row's result does not depend on the other rows. A row
// holding NaN or infinity gives NaN.
void linear_s8(const float* x, std::int64_t m, std::int64_t x_row, const PackedS8& b,
               const float* scale_w, const float* bias, float* y, std::int64_t y_row,
               float x_scale = 0.0f, bool accumulate = false);

}  // namespace tt::kernels
