// Parts of convolutions over images with channels innermost (height, width, channels), float32.
// Winograd's also read and write images of bfloat16 codes, T being float or std::uint16_t, and
// round what they make of them for products of such codes, U being either, too. The number of
// channels is always a multiple of kChannelBlock; what fills it up holds zeros.
//
// Winograd's F(4x4, 3x3): 4 x 4 results of a 3 x 3 window at stride 1 from 36 products per pair of
// channels instead of 144. With the tile's patch d (6 x 6), the weights g and the matrices of
// reference.cpp:   results = A^T [ (G g G^T) . (B^T d B) ] A,   the product elementwise, summed
// over the input channels: 36 matrix products of (tiles x in) by (in x out). Source: Lavin and
// Gray, Fast Algorithms for Convolutional Neural Networks, 2015, but for the points, which make
// the error of rounding half as large; on their choice: Barabasz et al., Error Analysis and
// Improving the Accuracy of Winograd Convolution for Deep Neural Networks, 2018.
#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace tt::kernels {

inline constexpr std::int64_t kChannelBlock = 16;
inline constexpr int kWinogradTile = 4;    // results per side
inline constexpr int kWinogradPatch = 6;   // inputs per side
inline constexpr int kWinogradCount = 36;  // products per tile

// out[p * step + c] = (B^T d B)[p] of every channel, where d is the patch of `image` whose corner
// is at (top, left); outside the image it is zero.
template <class T, class U>
struct WinogradInput {
  const T* image = nullptr;
  std::int64_t height = 0, width = 0, channels = 0;
  std::int64_t top = 0, left = 0;
  U* out = nullptr;
  std::int64_t step = 0;
};

// What is done to results on their way out: + bias, + residual, max(., 0), then the largest of each
// 2 x 2 square.
template <class T>
struct WinogradOutput {
  const float* sums = nullptr;  // [p * step + c]
  std::int64_t step = 0, channels = 0;
  const float* bias = nullptr;    // channels values
  const T* residual = nullptr;    // null, or the value that belongs to the tile's first result
  std::int64_t residual_row = 0;  // values between its rows
  T* out = nullptr;               // where the tile's first result goes; pixels are adjacent
  std::int64_t out_row = 0;
  int rows = 4, cols = 4;  // results wanted, 1..4; even with pool
  bool relu = false, pool = false;
};

// Weights for it: out[p * step + i] = (G g G^T)[p] with g[u, v] = taps[(3 u + v) * tap_step + i],
// for i < count, a multiple of kChannelBlock.
struct WinogradWeights {
  const float* taps = nullptr;
  std::int64_t tap_step = 0, count = 0;
  float* out = nullptr;
  std::int64_t step = 0;
};

// Gradients go back through the transposed matrices. Of the results: out[p * step + c] =
// (A y A^T)[p], where y is zero beyond rows and cols.
template <class T, class U>
struct WinogradOutputGrad {
  const T* grad = nullptr;  // of the tile's first result
  std::int64_t row = 0;     // values between rows
  std::int64_t channels = 0;
  int rows = 4, cols = 4;
  U* out = nullptr;
  std::int64_t step = 0;
};

// Of the weights: taps[(3 u + v) * tap_step + i] = (G^T s G)[u, v] with s[p] = sums[p * step + i].
struct WinogradWeightsGrad {
  const float* sums = nullptr;
  std::int64_t step = 0, count = 0;
  float* taps = nullptr;
  std::int64_t tap_step = 0;
};

// What is done to results that are there: in + residual, max(., 0).
struct FinishRows {
  const float* in = nullptr;
  const float* residual = nullptr;  // null: none
  float* out = nullptr;             // may be `in`
  std::int64_t count = 0;           // floats
  bool relu = false;
};

// Two rows of `width` pixels (even) to one of width / 2: the largest of each 2 x 2 square.
struct FinishPooled {
  const float* in = nullptr;
  std::int64_t in_row = 0;
  const float* residual = nullptr;
  std::int64_t residual_row = 0;
  float* out = nullptr;
  std::int64_t width = 0, channels = 0;
  bool relu = false;
};

// The largest value of a window, channel by channel. NaN wins.
struct MaxWindow {
  const float* in = nullptr;  // the window's first pixel
  std::int64_t in_row = 0, channels = 0;
  int rows = 1, cols = 1;
  float* out = nullptr;
};

// One row of results of a convolution that has as many groups as channels.
struct DepthwiseRow {
  const float* image = nullptr;
  std::int64_t height = 0, width = 0, channels = 0;
  std::int64_t top = 0, left = 0;  // of the first result's window
  std::int64_t kernel_h = 1, kernel_w = 1, stride = 1, dilation_h = 1, dilation_w = 1;
  const float* weights = nullptr;  // (kernel_h, kernel_w, channels)
  const float* bias = nullptr;
  float* out = nullptr;
  std::int64_t count = 0;  // results
};

// The gradients of such a convolution, line by line: one line of an image, one of results, and the
// taps (kernel_w, channels) of one line of the windows.
struct DepthwiseLine {
  std::int64_t width = 0, channels = 0;  // of the image
  std::int64_t left = 0;                 // of the first result's window
  std::int64_t kernel_w = 1, stride = 1, dilation = 1;
  std::int64_t count = 0;  // results
};

// The transforms at the images' side.
template <class T>
struct WinogradImages {
  void (*input)(const WinogradInput<T, float>& w);
  void (*input_to_codes)(const WinogradInput<T, std::uint16_t>& w);
  void (*output)(const WinogradOutput<T>& w);
  void (*output_grad)(const WinogradOutputGrad<T, float>& w);
  void (*output_grad_to_codes)(const WinogradOutputGrad<T, std::uint16_t>& w);
};

struct ConvF32Table {
  WinogradImages<float> winograd;
  WinogradImages<std::uint16_t> winograd_codes;
  template <class T>
  const WinogradImages<T>& winograd_images() const {
    if constexpr (std::is_same_v<T, float>) {
      return winograd;
    } else {
      return winograd_codes;
    }
  }
  void (*winograd_weights)(const WinogradWeights& w);
  void (*winograd_weights_grad)(const WinogradWeightsGrad& w);
  void (*finish)(const FinishRows& f);
  void (*finish_pooled)(const FinishPooled& f);
  void (*max_window)(const MaxWindow& m);
  // out[c] = (sum of `pixels` adjacent pixels, in rising order) * scale
  void (*average)(const float* in, std::int64_t pixels, std::int64_t channels, float scale,
                  float* out);
  void (*depthwise_row)(const DepthwiseRow& d);
  // image += results, each spread over its window by the taps
  void (*depthwise_image_grad)(const DepthwiseLine& d, const float* results, const float* taps,
                               float* image);
  // taps += sums of results times what their windows see
  void (*depthwise_taps_grad)(const DepthwiseLine& d, const float* results, const float* image,
                              float* taps);
};

}  // namespace tt::kernels
