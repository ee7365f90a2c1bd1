// Plain loops that say what the kernels of conv_f32.hpp compute, in double where sums are made.
#pragma once
#include "tinytorch/kernels/conv_f32/conv_f32.hpp"

namespace tt::kernels::reference {

void winograd_input(const WinogradInput<float, float>& w);
void winograd_output(const WinogradOutput<float>& w);
void winograd_weights(const WinogradWeights& w);
void winograd_output_grad(const WinogradOutputGrad<float, float>& w);
void winograd_weights_grad(const WinogradWeightsGrad& w);

void finish(const FinishRows& f);
void finish_pooled(const FinishPooled& f);
void max_window(const MaxWindow& m);
void average(const float* in, std::int64_t pixels, std::int64_t channels, float scale, float* out);
void depthwise_row(const DepthwiseRow& d);
void depthwise_image_grad(const DepthwiseLine& d, const float* results, const float* taps,
                          float* image);
void depthwise_taps_grad(const DepthwiseLine& d, const float* results, const float* image,
                         float* taps);

}  // namespace tt::kernels::reference
