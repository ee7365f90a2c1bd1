// A GPT-2 as arrays: learned positions, blocks with norms before their branches, biases everywhere.
#pragma once
#include <vector>

#include "tinytorch/array/array.hpp"

namespace tt::runtime {

enum class GptActivation { gelu, gelu_tanh, gelu_sigmoid, relu };

// Linear weights are (out, in), of any strides.
struct GptBlock {
  Array norm1_gamma, norm1_beta;
  Array qkv, qkv_bias;    // (3 width, width): queries, keys, values
  Array proj, proj_bias;  // (width, width)
  Array norm2_gamma, norm2_beta;
  Array up, up_bias;      // (hidden, width)
  Array down, down_bias;  // (width, hidden)
};

struct GptModel {
  index_t heads = 1;
  float eps = 1e-5f;
  GptActivation activation = GptActivation::gelu_tanh;
  Array tokens;     // (vocabulary, width)
  Array positions;  // (max length, width)
  std::vector<GptBlock> blocks;
  Array norm_gamma, norm_beta;
  Array head;  // (vocabulary, width); undefined: the token table

  index_t width() const { return tokens.shape(1); }
  index_t vocabulary() const { return tokens.shape(0); }
  index_t max_length() const { return positions.shape(0); }
};

// The same with contiguous float32 tables and norms; ShapeError, naming the array, where shapes do
// not fit together, ValueError where the heads do not divide the width.
GptModel checked(GptModel model);

}  // namespace tt::runtime
