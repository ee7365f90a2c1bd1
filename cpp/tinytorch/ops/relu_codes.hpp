// ReLU of bfloat16 codes as they are: their order is that of integers, so no float is made of them.
// The loops are for the compiler to vectorize.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tt::ops {

inline constexpr std::uint16_t kMinusZeroCode = 0x8000, kInfinityCode = 0x7f80;

// max(0, x); NaN passes through.
inline void relu_codes(const std::uint16_t* x, std::uint16_t* y, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const bool below = static_cast<std::uint16_t>(x[i] - kMinusZeroCode) <= kInfinityCode;
    y[i] = below ? std::uint16_t{0} : x[i];
  }
}

// dy where the result y is above 0, else 0; where y is NaN, so is its gradient.
inline void relu_grad_codes(const std::uint16_t* dy, const std::uint16_t* y, std::uint16_t* dx,
                            std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint16_t gradient = dy[i], result = y[i];
    const bool above = static_cast<std::uint16_t>(result - 1) < kInfinityCode;
    const bool nan = static_cast<std::uint16_t>(result & ~kMinusZeroCode) > kInfinityCode;
    dx[i] = static_cast<std::uint16_t>((above ? gradient : 0) | (nan ? result : 0));
  }
}

}  // namespace tt::ops
