// Steps of an int8 network. Activations are codes (kernels/conv_s8), but for what comes after a
// pool over the whole image: a row of floats per image, computed on as in a float network.
#pragma once
#include "tinytorch/quant/affine.hpp"
#include "tinytorch/runtime/cnn/step.hpp"

namespace tt::runtime {

// What the codes of a value stand for: (u - zero) * scale.
struct CodeScale {
  float scale = 1.0f;
  int zero = 128;  // in [0, 255]

  static CodeScale of(float low, float high) {
    const quant::Affine a = quant::choose_affine(low, high);
    return {a.scale, a.zero_point + 128};
  }
};

struct StepSourceS8 {
  StepSource base;
  CodeScale from, to, residual;
  bool from_codes, to_codes;  // else floats
};

// ValueError naming the layer where int8 has no way to compute it.
StepPtr make_step_s8(const StepSourceS8& s);
StepPtr make_conv_s8(const StepSourceS8& s);

// Whether a layer of an int8 network gives codes, if its input is codes.
bool gives_codes(const Layer& layer);

}  // namespace tt::runtime
