// Convolution with 3 x 3 windows at stride 1 by Winograd's method, over batches of images with
// channels innermost: the parts of conv_f32.hpp around matrix products.
#pragma once
#include "tinytorch/kernels/conv/window.hpp"
#include "tinytorch/kernels/conv_f32/conv_f32.hpp"
#include "tinytorch/kernels/gemm_bf16/gemm_bf16.hpp"
#include "tinytorch/kernels/gemm_f32/gemm.hpp"

namespace tt::kernels {

struct WinogradShape {
  std::int64_t images = 0, height = 0, width = 0, pad = 0;
  std::int64_t in = 0, out = 0;  // channels stored: multiples of kChannelBlock

  std::int64_t out_height() const { return height + 2 * pad - 2; }
  std::int64_t out_width() const { return width + 2 * pad - 2; }
  std::int64_t down() const { return (out_height() + kWinogradTile - 1) / kWinogradTile; }
  std::int64_t across() const { return (out_width() + kWinogradTile - 1) / kWinogradTile; }
  std::int64_t tiles() const { return images * down() * across(); }
  std::int64_t in_values() const { return images * height * width * in; }
  std::int64_t out_values() const { return images * out_height() * out_width() * out; }
};

// Whether the method can do these windows at all.
inline bool winograd_fits(const Window2d& w) {
  return w.kernel_h == 3 && w.kernel_w == 3 && w.stride_h == 1 && w.stride_w == 1 &&
         w.dilation_h == 1 && w.dilation_w == 1 && w.pad_h == w.pad_w;
}

struct WinogradKernels {
  const ConvF32Table& parts;
  const GemmTable& gemm;
  // If given, transformed tiles and weights are rounded to bfloat16 and multiplied by it. It must
  // be one that multiplies_codes (gemm_bf16/code_panels.hpp).
  const GemmBf16Table* gemm_bf16 = nullptr;
};

// Weights as panels of every position, from taps[(3 u + v) * in * out + c * out + o].
std::int64_t winograd_packed_bytes(const WinogradKernels& k, std::int64_t in, std::int64_t out);
void winograd_pack(const WinogradKernels& k, const float* taps, std::int64_t in, std::int64_t out,
                   std::byte* packed);

// Images are floats or bfloat16 codes (T: float or std::uint16_t).
template <class T>
struct WinogradCall {
  WinogradShape shape;
  const T* x = nullptr;
  const std::byte* weights = nullptr;  // packed
  const float* bias = nullptr;         // of the channels stored
  const T* residual = nullptr;         // null, or like the results before pooling
  T* y = nullptr;
  bool relu = false, pool = false;
};

// Tiles that are best computed together, and the floats of workspace that takes.
std::int64_t winograd_block(const WinogradKernels& k, const WinogradShape& shape);
std::int64_t winograd_workspace(std::int64_t tiles, const WinogradShape& shape);
// Tiles [first, last), counted over all images, on this thread.
template <class T>
void winograd_tiles(const WinogradKernels& k, const WinogradCall<T>& c, std::int64_t first,
                    std::int64_t last, float* work);

// taps (as winograd_pack takes them) = the gradient with respect to the weights, from x and the
// gradient dy of the results. Parallel; sums are made in an order that depends on the shape alone.
template <class T>
void winograd_weights_grad(const WinogradKernels& k, const WinogradShape& shape, const T* x,
                           const T* dy, float* taps);

}  // namespace tt::kernels
