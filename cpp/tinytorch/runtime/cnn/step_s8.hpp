// Steps of an int8 network. Activations are codes (kernels/conv_s8), but for what comes after a
// pool over the whole image: a row of floats per image, computed on as in a float network.
#pragma once
#include <algorithm>
#include <cmath>

#include "tinytorch/quant/affine.hpp"
#include "tinytorch/runtime/cnn/step.hpp"

namespace tt::runtime {

// What the codes of a value stand for: (u - zero) * scale.
struct CodeScale {
  float scale = 1.0f;
  int zero = 128;     // in [0, highest]
  int highest = 255;  // code

  static CodeScale of(float low, float high) {
    const quant::Affine a = quant::choose_affine(low, high);
    return {a.scale, a.zero_point + 128, 255};
  }
  // Of seven bits, so that sums of two are codes as well.
  static CodeScale of_seven_bits(float low, float high) {
    const double scale = of(low, high).scale * (255.0 / 127.0);
    const double zero = std::nearbyint(-std::min(low, 0.0f) / scale);
    return {static_cast<float>(scale), static_cast<int>(std::clamp(zero, 0.0, 127.0)), 127};
  }
};

struct StepSourceS8 {
  StepSource base;
  CodeScale from, to, residual;
  bool from_codes, to_codes;  // else floats
  bool pairs = false;         // of a convolution: has_mirror_pairs, and codes of seven bits
};

// ValueError naming the layer where int8 has no way to compute it.
StepPtr make_step_s8(const StepSourceS8& s);
StepPtr make_conv_s8(const StepSourceS8& s);

// Whether a convolution's filters come in mirror pairs that are computed together (conv_pairs_s8):
// its input must have codes of seven bits then.
bool has_mirror_pairs(const Layer& layer, const Value& from, const Value& to);

// Whether a layer of an int8 network gives codes, if its input is codes.
bool gives_codes(const Layer& layer);

}  // namespace tt::runtime
