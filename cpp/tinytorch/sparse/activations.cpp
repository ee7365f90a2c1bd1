#include "tinytorch/sparse/activations.hpp"

#include <algorithm>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/gemm_s8/packed_s8.hpp"

namespace tt::sparse {
namespace {

constexpr index_t kPiece = 1024;  // values encoded at a time

// The kernels encode as the instruction set likes it; here that is undone.
void decode(const kernels::GemmS8Table& table, const std::byte* from, std::int16_t* to, index_t n) {
  if (table.shape.code_bytes == 2) {
    const auto* codes = reinterpret_cast<const std::int16_t*>(from);
    for (index_t i = 0; i < n; ++i) to[i] = static_cast<std::int16_t>(codes[i] - table.zero_code);
  } else if (table.zero_code == 0) {
    const auto* codes = reinterpret_cast<const std::int8_t*>(from);
    for (index_t i = 0; i < n; ++i) to[i] = codes[i];
  } else {
    const auto* codes = reinterpret_cast<const std::uint8_t*>(from);
    for (index_t i = 0; i < n; ++i) to[i] = static_cast<std::int16_t>(codes[i] - table.zero_code);
  }
}

}  // namespace

Activations quantize_activations(const float* x, index_t rows, index_t length, float input_scale) {
  const auto& table = kernels::active().gemm_s8;
  Activations out;
  out.codes.reset(new std::int16_t[static_cast<std::size_t>(rows * length)]);
  out.scales.resize(static_cast<std::size_t>(rows));
  const index_t grain = std::max<index_t>(1, (1 << 14) / std::max<index_t>(length, 1));
  parallel_for(rows, grain, [&](index_t begin, index_t end) {
    alignas(64) std::byte piece[2 * kPiece];
    for (index_t r = begin; r < end; ++r) {
      const float* row = x + r * length;
      const std::uint32_t most = table.abs_max_bits(row, static_cast<std::size_t>(length));
      const bool fixed = input_scale > 0.0f && most < 0x7f800000u;
      out.scales[static_cast<std::size_t>(r)] = fixed ? input_scale : kernels::s8_scale(most);
      const float inverse = fixed ? 1.0f / input_scale : kernels::s8_inverse_scale(most);
      for (index_t i = 0; i < length; i += kPiece) {
        const index_t n = std::min(kPiece, length - i);
        table.quantize(row + i, piece, static_cast<std::size_t>(n), inverse);
        decode(table, piece, out.codes.get() + r * length + i, n);
      }
    }
  });
  return out;
}

}  // namespace tt::sparse
