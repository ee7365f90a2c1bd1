// Pooling of one plane (height x width, contiguous) of an image; planes (image, channel) are
// independent, and callers share them out between threads. T: float, double.
//   max_pool:   y = largest value of the window; padding counts as -inf, NaN as the largest.
//               argmax = its index y * width + x in the plane, the first in row-major window order;
//               -1 (and y = -inf) where a dilated window lies in the padding alone.
//   avg_pool:   y = sum of the window / (kernel_h kernel_w); padding counts as 0 and is counted.
//   adaptive_*: output (i, j) covers rows floor(i H / out_h) up to ceil((i + 1) H / out_h),
//   likewise
//               columns; any output size >= 1.
// The backward functions add into dx (height x width).
#pragma once
#include <cstdint>

#include "tinytorch/kernels/conv/window.hpp"

namespace tt::kernels {

// Whether windows are those of halve.hpp: 2 x 2, side by side.
bool halves(const Window2d& w);

template <class T>
void max_pool(const T* x, const Window2d& w, T* y, std::int32_t* argmax);
template <class T>
void avg_pool(const T* x, const Window2d& w, T* y);
template <class T>
void avg_pool_grad(const T* dy, const Window2d& w, T* dx);

struct AdaptivePool {
  std::int64_t height, width, out_height, out_width;
};
template <class T>
void adaptive_max_pool(const T* x, const AdaptivePool& p, T* y, std::int32_t* argmax);
template <class T>
void adaptive_avg_pool(const T* x, const AdaptivePool& p, T* y);
template <class T>
void adaptive_avg_pool_grad(const T* dy, const AdaptivePool& p, T* dx);

// dx[argmax[i]] += dy[i], for both kinds of max pooling; n outputs of one plane.
template <class T>
void max_pool_grad(const T* dy, const std::int32_t* argmax, std::int64_t n, T* dx);

}  // namespace tt::kernels
