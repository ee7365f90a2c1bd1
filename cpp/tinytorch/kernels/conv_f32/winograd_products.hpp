// The matrix products between Winograd's transforms, one for each of the 36 positions: for
// winograd.cpp and winograd_grad.cpp.
#pragma once
#include "tinytorch/kernels/conv_f32/winograd.hpp"

namespace tt::kernels {

// Bytes of a position's packed weights.
std::int64_t winograd_position_bytes(const WinogradKernels& k, std::int64_t in, std::int64_t out);

// sums (tiles x out) = moved (tiles x in) times the packed weights of one position. Transformed
// values are codes if there is a k.gemm_bf16, else floats.
void winograd_product(const WinogradKernels& k, const WinogradShape& s, const std::byte* weights,
                      const float* moved, std::int64_t tiles, float* sums);
void winograd_product(const WinogradKernels& k, const WinogradShape& s, const std::byte* weights,
                      const std::uint16_t* moved, std::int64_t tiles, float* sums);

// sums (in x out) (+)= V^T M for one position, v and m having a row for each tile.
void winograd_grad_product(const WinogradKernels& k, const WinogradShape& s, const float* v,
                           const float* m, std::int64_t tiles, bool accumulate, float* sums);
void winograd_grad_product(const WinogradKernels& k, const WinogradShape& s, const std::uint16_t* v,
                           const std::uint16_t* m, std::int64_t tiles, bool accumulate,
                           float* sums);

}  // namespace tt::kernels
