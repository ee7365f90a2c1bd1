// The front of the int8 product: quantizes rows, cuts the result into blocks of rows by panels, and
// hands them to the threads. Cuts depend on the sizes alone.
#include <algorithm>
#include <bit>
#include <limits>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/gemm_s8/packed_s8.hpp"
#include "tinytorch/kernels/scratch.hpp"

namespace tt::kernels {
namespace {

// Multiply-adds worth a thread's attention: of few rows, which wait for the weights, fewer.
constexpr std::int64_t kFewRows = 8, kFewRowsProducts = 1 << 18;
constexpr std::int64_t kChunkValues = 1 << 14;            // likewise, values quantized
constexpr std::uint32_t kTinyBits = (127u - 100u) << 23;  // 2^-100
constexpr std::uint32_t kInfinityBits = 0x7f800000u;

thread_local ScratchBuffer t_codes, t_scales;

}  // namespace

float s8_scale(std::uint32_t abs_max_bits) {
  if (abs_max_bits >= kInfinityBits) return std::numeric_limits<float>::quiet_NaN();
  return std::bit_cast<float>(std::max(abs_max_bits, kTinyBits)) / 127.0f;
}

float s8_inverse_scale(std::uint32_t abs_max_bits) {
  if (abs_max_bits >= kInfinityBits) return 0.0f;
  return 127.0f / std::bit_cast<float>(std::max(abs_max_bits, kTinyBits));
}

void gemm_s8(const std::int8_t* a, std::int64_t m, std::int64_t a_row, const PackedS8& b,
             std::int32_t* acc, std::int64_t acc_row) {
  if (m == 0 || b.n == 0) return;
  const GemmS8Table& t = *b.table;
  const std::int64_t row_bytes = b.row_bytes();
  std::byte* codes = t_codes.reserve<std::byte>(m * row_bytes);
  parallel_for(m, grain_for(kChunkValues, b.k), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      std::byte* out = codes + row * row_bytes;
      t.encode(a + row * a_row, out, static_cast<std::size_t>(b.k));
      b.clear_padding(out);
    }
  });
  for_each_block(m, b,
                 [&](std::int64_t row, std::int64_t rows, std::int64_t col, std::int64_t cols) {
                   S8Product p = b.product(col, cols);
                   p.rows = rows;
                   p.a = codes + row * row_bytes;
                   t.multiply(p, acc + row * acc_row + col, acc_row);
                 });
}

void gemm_s8_scaled(const std::byte* codes, std::int64_t m, const PackedS8& b,
                    const float* row_scale, const float* scale_w, const float* bias, float* y,
                    std::int64_t y_row, bool accumulate) {
  if (m == 0 || b.n == 0) return;
  for_each_block(
      m, b, [&](std::int64_t row, std::int64_t rows, std::int64_t col, std::int64_t cols) {
        S8Product p = b.product(col, cols);
        p.rows = rows;
        p.a = codes + row * p.a_row;
        b.table->multiply_scaled(p, {row_scale + row, scale_w + col, bias ? bias + col : nullptr,
                                     y + row * y_row + col, y_row, accumulate});
      });
}

void linear_s8(const float* x, std::int64_t m, std::int64_t x_row, const PackedS8& b,
               const float* scale_w, const float* bias, float* y, std::int64_t y_row, float x_scale,
               bool accumulate) {
  if (m == 0 || b.n == 0) return;
  const GemmS8Table& t = *b.table;
  const std::int64_t row_bytes = b.row_bytes();
  std::byte* codes = t_codes.reserve<std::byte>(m * row_bytes);
  float* scales = t_scales.reserve<float>(m);
  parallel_for(m, grain_for(kChunkValues, b.k), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float* values = x + row * x_row;
      std::byte* out = codes + row * row_bytes;
      const std::uint32_t bits = t.abs_max_bits(values, static_cast<std::size_t>(b.k));
      const bool fixed = x_scale > 0.0f && bits < kInfinityBits;
      scales[row] = fixed ? x_scale : s8_scale(bits);
      t.quantize(values, out, static_cast<std::size_t>(b.k),
                 fixed ? 1.0f / x_scale : s8_inverse_scale(bits));
      b.clear_padding(out);
    }
  });
  gemm_s8_scaled(codes, m, b, scales, scale_w, bias, y, y_row, accumulate);
}

}  // namespace tt::kernels
