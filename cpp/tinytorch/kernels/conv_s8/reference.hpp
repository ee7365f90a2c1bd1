// Plain loops that say what the kernels of conv_s8.hpp compute, on codes u in [0, 255] as uint8.
#pragma once
#include "tinytorch/kernels/conv_s8/conv_s8.hpp"

namespace tt::kernels::reference {

void quantize_row(const QuantizeRow& q);
void requantize(const Requantize& r);
void requantize_pooled(const RequantizePooled& r);
void join(const JoinCodes& j);
void max_window(const std::uint8_t* in, std::int64_t line, std::int64_t channels, int rows,
                int cols, std::uint8_t* out);
void average(const std::uint8_t* in, std::int64_t pixels, std::int64_t channels, float zero,
             float scale, float* out);
void depthwise_sums(const DepthwiseSums& d);
void copy_windows(const WindowBytes& w);
void pair_line(const PairLine& l, std::int64_t k_step);
// Rows of sums, `width` pixels each, to codes as PairLinesToCodes says: sums_row, scale, offset and
// the rest are those of `to`, whose `pixels` are all pixels.
void requantize_pairs(const Requantize& to, std::int64_t half, std::int64_t width, bool pool);

}  // namespace tt::kernels::reference
