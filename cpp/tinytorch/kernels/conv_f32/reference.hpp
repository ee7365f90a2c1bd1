// Plain loops that say what the kernels of conv_f32.hpp compute, in double where sums are made.
#pragma once
#include "tinytorch/kernels/conv_f32/conv_f32.hpp"

namespace tt::kernels::reference {

void winograd_input(const WinogradInput& w);
void winograd_output(const WinogradOutput& w);
// out[36] = G g G^T for one 3 x 3 window of weights.
void winograd_weights(const float* g, float* out);

void finish(const FinishRows& f);
void finish_pooled(const FinishPooled& f);
void max_window(const MaxWindow& m);
void average(const float* in, std::int64_t pixels, std::int64_t channels, float scale, float* out);
void depthwise_row(const DepthwiseRow& d);

}  // namespace tt::kernels::reference
