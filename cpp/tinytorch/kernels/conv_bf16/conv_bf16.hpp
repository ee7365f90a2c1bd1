// Convolution of images in bfloat16 with sums in float32, channels innermost, without copies of
// windows: where a row of tiles begins is all that a tap of the window changes.
//
// An image lies in a grid, with its padding around it, and kSlack more positions behind that are
// read and not used. Small images fill tiles better together: up to kTogether of them, which the
// grid then has side by side at every position. Results are the same bits either way. Only tiles
// (AMX) make this worth while: other instruction sets have plain loops, and callers that look at
// `tiles` turn to float32.
#pragma once
#include <cstdint>

namespace tt::kernels {

struct ConvBf16 {
  static constexpr std::int64_t kChannels = 32;  // inputs come in multiples of it
  static constexpr std::int64_t kPanel = 32;     // outputs of a panel of weights
  static constexpr std::int64_t kSlack = 32, kTogether = 16;

  // (rows, width, channels), or with images > 1 (rows, width, kTogether, channels)
  const std::uint16_t* grid = nullptr;
  std::int64_t images = 1;
  std::int64_t width = 0, channels = 0;
  std::int64_t kernel_h = 1, kernel_w = 1, stride = 1;
  // [panel][kernel_h kernel_w channels / 2][kPanel][2], of the outputs, zeros beyond them
  const std::uint16_t* weights = nullptr;
  const float* bias = nullptr;  // null, or one value per output
  std::int64_t outputs = 0;
  std::int64_t out_height = 0, out_width = 0;
  std::uint16_t* y = nullptr;  // (images, out_height, out_width, outputs), rounded to nearest even
};

struct ConvBf16Table {
  bool tiles;  // whether there is an instruction for it
  void (*images)(const ConvBf16& c);
  // Pairs of positions side by side, for products along them: out[panel][g][i][s] =
  // codes[(2 g + s) * channels + panel * kPanel + i]; channels a multiple of kPanel.
  void (*pair)(const std::uint16_t* codes, std::int64_t groups, std::int64_t channels,
               std::uint16_t* out, std::int64_t panel_step);
  // Positions of `channels` codes as rows of one channel each: out[c * row + p] =
  // codes[p * channels + c]. An odd position more is written, as zero.
  void (*turn)(const std::uint16_t* codes, std::int64_t positions, std::int64_t channels,
               std::uint16_t* out, std::int64_t row);
};

}  // namespace tt::kernels
