// The ladder of the 3 x 3 convolution at stride 1 with a border of zeros: `in` planes of height x
// width to `out` planes of the same size, one image. docs/ladder/convolution.md.
#pragma once
#include <cstdint>

namespace tt::ladder {

struct ConvProblem {
  std::int64_t in, out;        // channels; out a multiple of kConvChannels
  std::int64_t height, width;  // width a multiple of kConvWidth
  const float* image;          // [in][height][width]
  const float* weights;        // [out][in][3][3]
  float* result;               // [out][height][width]
  float* padded;               // in * (height + 2) * (width + 2) values
  float* packed_weights;       // out * in * 9 values
};
inline constexpr std::int64_t kConvChannels = 32, kConvWidth = 48;

struct ConvSteps {
  void (*naive)(const ConvProblem&);
  void (*reordered)(const ConvProblem&);
  void (*blocked)(const ConvProblem&);
  void (*packed)(const ConvProblem&);
  void (*vectorised)(const ConvProblem&);
  void (*threaded)(const ConvProblem&);
};

}  // namespace tt::ladder
