// Everything around the integer products of an int8 convolution: images become codes, windows of
// codes become rows of a matrix, and sums become codes again.
//
// An activation is a code u in [0, 255] that stands for (u - zero) * scale. The products of gemm_s8
// take q = u - 128 in the form that the instruction set multiplies best (S8Format). What is
// computed from sums is computed in float, in an order that is stated here and never fused: the
// same codes on every instruction set. Rounding is to nearest, half to even; NaN becomes the lowest
// code.
#pragma once
#include <cstddef>
#include <cstdint>

#include "tinytorch/kernels/gemm_s8/gemm_s8.hpp"

namespace tt::kernels {

// One row of `width` pixels of planes `plane` floats apart, to pixels of `stored` codes:
//   u = round(clamp(x * inverse_scale + zero, 0, 255));  channels up to `stored` are u = 128.
struct QuantizeRow {
  const float* in = nullptr;
  std::int64_t plane = 0, width = 0, channels = 0, stored = 0;
  float inverse_scale = 1.0f, zero = 0.0f;
  void* out = nullptr;
};

// Windows of one row of results, side by side: for each of `count` results kernel_h runs of
// kernel_w pixels of `pixel` bytes. `blank` gives kernel_w pixels outside the image. Up to
// kOverrun bytes may be read beyond an image and written beyond a window.
struct WindowBytes {
  const std::byte* image = nullptr;
  std::int64_t height = 0, width = 0, line = 0;  // line: bytes between rows of pixels
  std::int64_t pixel = 0, pixel_step = 0;        // bytes taken, bytes between pixels
  std::int64_t top = 0, left = 0;                // of the first window
  std::int64_t kernel_h = 1, kernel_w = 1, stride = 1, dilation_h = 1, dilation_w = 1;
  std::int64_t count = 0;
  const std::byte* blank = nullptr;
  std::byte* out = nullptr;
  std::int64_t out_row = 0;  // bytes between windows
  static constexpr std::int64_t kOverrun = 64;
};

// v = float(sum) * scale[c] + offset[c] (+ float(residual u) * residual_scale)
// u = round(clamp(v, low, high))
struct Requantize {
  const std::int32_t* sums = nullptr;
  std::int64_t sums_row = 0;              // between pixels
  std::int64_t pixels = 0, channels = 0;  // channels: a multiple of 16
  const float* scale = nullptr;           // positive
  const float* offset = nullptr;
  const void* residual = nullptr;  // null: none
  float residual_scale = 0.0f;
  void* out = nullptr;
  std::int64_t out_row = 0;  // codes between pixels, of the residual too
  float low = 0.0f, high = 255.0f;
};

// The same for two rows of `pixels` each, then the largest of each 2 x 2 square.
struct RequantizePooled {
  Requantize first;
  std::int64_t sums_line = 0, residual_line = 0;  // from the first row to the second
};

// u = round(clamp(float(a) * a_scale + float(b) * b_scale + offset, low, high)), b may be null
struct JoinCodes {
  const void* a = nullptr;
  const void* b = nullptr;
  float a_scale = 1.0f, b_scale = 0.0f, offset = 0.0f, low = 0.0f, high = 255.0f;
  void* out = nullptr;
  std::int64_t count = 0;  // a multiple of 16
};

// A product whose sums become codes at once, as by Requantize: row r of A gives pixel r of `to`
// (its sums and pixels are not read). With `pool`, four rows of A in turn give one pixel, the
// largest of their codes; no residual then.
struct ProductToCodes {
  S8Product product;
  Requantize to;
  bool pool = false;
};

// Several products in turn, each described when it is due: `next` may reuse the memory of the one
// before. What a product needs set up is set up once.
struct ProductsToCodes {
  std::int64_t count = 0;
  void* context = nullptr;
  ProductToCodes (*next)(void* context, std::int64_t index) = nullptr;
};

// A convolution of lines of pixels that have all that windows need, with blank pixels where those
// reach beyond an image: no window is copied. Result x of row i takes, of each of kernel_h lines, a
// run of bytes that begins at starts[i] + x * pixel + u * line.
struct LinesToCodes {
  S8Product product;  // rows: of results, its a and a_row are not read; panels of line_shape
  const std::byte* const* starts = nullptr;   // of each row of results
  std::int64_t line = 0, pixel = 0;           // bytes
  std::int64_t kernel_h = 1, run_groups = 0;  // groups of k in a run
  std::int64_t width = 0;                     // results in a row
  Requantize to;                              // as in ProductToCodes, rows one after the other
  bool pool = false;                          // 2 x 2 squares: even rows and width, no residual
};

// Convolutions whose filters come in mirror pairs: with c channels taken, filter j + half has
//   w[j + half, i, y, v] = w[j, (i + c / 2) % c, y, kernel_w - 1 - v].
// With a = u[i] and b = u[i + c / 2], for i < c / 2, the sum of both filters' results takes only
// P = a[x + v] + b[x + kernel_w - 1 - v], the difference only Q = a[x + v] - b[x + kernel_w - 1 -
// v]: half the products. Codes u are in [0, 127], so that P and Q + 128 are codes, too.
//
// A line for such a convolution, of `width` results: for each result x kernel_w runs of P and Q +
// 128 of c / 2 channels, k_step of one and of the other in turn. c is a multiple of 16; `blank` is
// a pixel of what is outside the image.
struct PairLine {
  const void* image = nullptr;  // a line of pixels
  const void* blank = nullptr;
  std::int64_t pixels = 0, channels = 0;  // of the line
  std::int64_t left = 0, kernel_w = 1;    // left: of the first window
  std::int64_t width = 0;
  void* out = nullptr;
};

// Lines as PairLine makes them to codes, as LinesToCodes: a group of k has k_step codes of P and
// k_step of Q. Columns 2 j and 2 j + 1 of the product have weights for P and for Q. With
// t = float(sum) * scale[column]:
//   v[j] = (t[2j] + t[2j + 1]) + offset[2j],  v[j + half] = (t[2j] - t[2j + 1]) + offset[2j + 1],
// then the residual's part, and the code. With `pool` the largest of four, residuals included.
struct PairLinesToCodes {
  LinesToCodes lines;
  std::int64_t half = 0;  // codes from channel j to its partner's
};

// One row of results of a convolution that has as many groups as channels (a multiple of 16): sums
// of (u - 128) w. Outside the image u is `zero`.
struct DepthwiseSums {
  const void* image = nullptr;
  std::int64_t height = 0, width = 0, channels = 0;
  std::int64_t top = 0, left = 0;  // of the first result's window
  std::int64_t kernel_h = 1, kernel_w = 1, stride = 1, dilation_h = 1, dilation_w = 1;
  const std::int32_t* weights = nullptr;  // (kernel_h, kernel_w, channels)
  std::int32_t zero = 0;
  std::int64_t count = 0;  // results
  std::int32_t* sums = nullptr;
};

// For the format of codes of the same instruction set's gemm_s8.
struct ConvS8Table {
  void (*quantize_row)(const QuantizeRow& q);
  void (*copy_windows)(const WindowBytes& w);
  void (*requantize)(const Requantize& r);
  void (*requantize_pooled)(const RequantizePooled& r);
  void (*multiply_to_codes)(const ProductsToCodes& all);
  bool pools_products;  // whether multiply_to_codes knows `pool`, for whole panels of columns
  void (*convolve_lines)(const LinesToCodes& l);  // null where tiles want windows side by side
  PanelShape line_shape;                          // of the weights that it and convolve_pairs take
  void (*pair_line)(const PairLine& l);
  void (*convolve_pairs)(const PairLinesToCodes& l);
  void (*join)(const JoinCodes& j);
  // out[c] = the largest code of a window of rows x cols pixels; `line` codes between rows
  void (*max_window)(const void* in, std::int64_t line, std::int64_t channels, int rows, int cols,
                     void* out);
  // out[c] = (sum of u over the pixels - pixels * zero) * scale
  void (*average)(const void* in, std::int64_t pixels, std::int64_t channels, float zero,
                  float scale, float* out);
  void (*depthwise_sums)(const DepthwiseSums& d);
};

}  // namespace tt::kernels
