// Plain loops that say what the int8 kernels compute; the tests hold every instruction set to them.
#pragma once
#include <cstdint>

namespace tt::kernels::reference {

void gemm_s8(const std::int8_t* a, std::int64_t m, const std::int8_t* b, std::int64_t n,
             std::int64_t k, std::int32_t* acc);

// q = clamp(round_half_even(x * (127 / max|x|)), -127, 127); returns max|x| / 127.
float quantize_row(const float* x, std::int64_t k, std::int8_t* q);

void linear_s8(const float* x, std::int64_t m, std::int64_t k, const std::int8_t* w, std::int64_t n,
               const float* scale_w, const float* bias, float* y);

}  // namespace tt::kernels::reference
