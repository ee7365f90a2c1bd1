#include "tinytorch/runtime/gpt/token_table.hpp"

#include <algorithm>

#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/quant/per_channel.hpp"

namespace tt::runtime {
namespace {

constexpr std::uint32_t kLargestHalfBits = 0x477fe000u;  // 65504

}  // namespace

TokenTable::TokenTable(const Array& tokens, Precision precision) : width_(tokens.shape(1)) {
  const Array floats = tokens.astype(DType::f32).contiguous();
  if (precision == Precision::int8 || precision == Precision::int4) {
    const quant::PerChannel rows = quant::quantize_per_channel(floats);
    codes_ = rows.q;
    scales_.assign(rows.scales.data<float>(), rows.scales.data<float>() + rows.scales.size());
    return;
  }
  const std::uint32_t most = kernels::active().gemm_s8.abs_max_bits(
      floats.data<float>(), static_cast<std::size_t>(floats.size()));
  const bool half = precision == Precision::bf16 && most <= kLargestHalfBits;
  codes_ = half ? floats.astype(DType::f16) : floats.copy();
}

std::size_t TokenTable::stored_bytes() const {
  return (codes_.defined() ? codes_.nbytes() : 0) + 4 * scales_.size();
}

void TokenTable::read(std::int64_t token, float* row) const {
  const auto n = static_cast<std::size_t>(width_);
  const std::byte* at =
      codes_.raw() + token * width_ * static_cast<index_t>(size_of(codes_.dtype()));
  if (codes_.dtype() == DType::f32) {
    std::copy_n(reinterpret_cast<const float*>(at), n, row);
  } else if (codes_.dtype() == DType::f16) {
    kernels::active().half.widen(reinterpret_cast<const std::uint16_t*>(at), row, n);
  } else {
    kernels::active().half.widen_s8(reinterpret_cast<const std::int8_t*>(at), row, n);
    const float scale = scales_[static_cast<std::size_t>(token)];
    for (std::size_t i = 0; i < n; ++i) row[i] *= scale;
  }
}

}  // namespace tt::runtime
