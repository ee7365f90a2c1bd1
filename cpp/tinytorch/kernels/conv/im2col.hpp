// Convolution as a matrix product. For one image (channels x height x width, contiguous):
//   columns[(c kernel_h + u) kernel_w + v, i out_w + j] =
//       image[c, i stride_h - pad_h + u dilation_h, j stride_w - pad_w + v dilation_w], 0 outside
// so that with weights[out_channels, channels kernel_h kernel_w], weights x columns is the image's
// output in NCHW. col2im is the adjoint: it adds every column value to the pixel it was read from.
// Channels are independent: callers share out [first, last) between threads.
#pragma once
#include <cstdint>

#include "tinytorch/kernels/conv/window.hpp"

namespace tt::kernels {

// Writes the rows of channels [first, last); image and columns point at channel 0. Rows are `row`
// values apart, so that several images' columns may lie side by side. T: float, double.
template <class T>
void im2col(const T* image, const Window2d& w, std::int64_t first, std::int64_t last, T* columns,
            std::int64_t row);

// Adds into image's channels [first, last).
template <class T>
void col2im(const T* columns, std::int64_t row, const Window2d& w, std::int64_t first,
            std::int64_t last, T* image);

}  // namespace tt::kernels
