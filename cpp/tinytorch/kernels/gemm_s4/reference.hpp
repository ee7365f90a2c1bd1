// Plain loops that say what the 4-bit kernels compute; every instruction set is held to their bits.
#pragma once
#include <cstdint>

namespace tt::kernels::reference {

// codes[n][groups * 32] and scales[n][groups] as quantize_s4 makes them; bias may be null.
void linear_s4(const float* x, std::int64_t m, std::int64_t k, const std::int8_t* codes,
               const float* scales, std::int64_t n, const float* bias, float* y);

}  // namespace tt::kernels::reference
