// A decoder-only transformer as a config and named arrays:
//   x = tokens[id] (+ positions[place])
//   x += proj(attention(qkv(norm1(x))));  x += down(act(up(norm2(x))))  or  down(act(gate) * up)
//   logits = head(norm(x))
#pragma once
#include <map>
#include <string>
#include <vector>

#include "tinytorch/array/array.hpp"
#include "tinytorch/models/gpt_config.hpp"

namespace tt::models {

// Matrices are (out, in), of any strides; biases and betas may be undefined.
struct GptBlock {
  Array norm1_gamma, norm1_beta;
  Array qkv, qkv_bias;    // (qkv width, width): queries of all heads, keys, values
  Array proj, proj_bias;  // (width, heads * head_size)
  Array norm2_gamma, norm2_beta;
  Array gate, gate_bias;  // (hidden, width), only if gated
  Array up, up_bias;      // (hidden, width)
  Array down, down_bias;  // (width, hidden)
};

struct GptModel {
  GptConfig config;
  Array tokens;     // (vocabulary, width)
  Array positions;  // (max length, width), only if learned
  std::vector<GptBlock> blocks;
  Array norm_gamma, norm_beta;
  Array head;  // (vocabulary, width), unless tied
};

// An array's canonical name and place: `blocks.0.qkv.weight` and so on.
struct GptArray {
  enum class Need { required, optional, absent };
  std::string name;
  Array* array;
  Shape shape;
  Need need;
};
// All arrays that any config has, in the order of the computation; `model` has as many blocks as
// its config says, which is completed().
std::vector<GptArray> arrays_of(GptModel& model);

// The model with its config completed and all arrays float32. ValueError, naming the array, for one
// that is missing, must not be there, or holds NaN or infinity; ShapeError for a shape that does
// not fit.
GptModel checked(GptModel model);

// A checked model of arrays by canonical name; ValueError also for a name that it does not have.
GptModel gpt_from_arrays(const GptConfig& config, const std::map<std::string, Array>& arrays);

}  // namespace tt::models
