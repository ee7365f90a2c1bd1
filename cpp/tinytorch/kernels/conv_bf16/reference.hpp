// Plain loops that say what the kernels of conv_bf16.hpp compute, with sums in double.
#pragma once
#include "tinytorch/kernels/conv_bf16/conv_bf16.hpp"

namespace tt::kernels::reference {

void conv_bf16_images(const ConvBf16& c);
void conv_bf16_pair(const std::uint16_t* codes, std::int64_t groups, std::int64_t channels,
                    std::uint16_t* out, std::int64_t panel_step);
void conv_bf16_turn(const std::uint16_t* codes, std::int64_t positions, std::int64_t channels,
                    std::uint16_t* out, std::int64_t row);

}  // namespace tt::kernels::reference
