// The sizes and choices that make a decoder-only transformer GPT-2, Llama, or something between.
#pragma once
#include <string_view>

#include "tinytorch/base/dims.hpp"

namespace tt::models {

enum class GptNorm { layer, rms };            // rms has no beta
enum class GptPositions { learned, rotary };  // rotary: pairs (i, i + head_size / 2)
enum class GptActivation { gelu, gelu_tanh, gelu_sigmoid, relu, silu };

// How the angles of rotary positions change for texts longer than those of the first training.
struct RopeScaling {
  // linear: all frequencies are divided by `factor`. llama3 (Llama 3.1): those with fewer than
  // `low` turns in `length` positions are, those with more than `high` stay, and between the two
  // they pass from one to the other.
  enum class Kind { none, linear, llama3 };
  Kind kind = Kind::none;
  double factor = 1.0;
  double low = 1.0, high = 4.0;
  index_t length = 8192;
};

struct GptConfig {
  index_t vocabulary = 0, width = 0, layers = 0, heads = 0;
  index_t kv_heads = 0;       // of keys and values, shared by heads / kv_heads queries; 0: heads
  index_t head_size = 0;      // 0: width / heads
  index_t hidden = 0;         // 0: 4 width
  index_t max_length = 1024;  // positions
  GptNorm norm = GptNorm::layer;
  GptPositions positions = GptPositions::learned;
  double rope_theta = 10000.0;
  RopeScaling rope_scaling;
  GptActivation activation = GptActivation::gelu_tanh;
  bool gated = false;  // the hidden layer is activation(gate x) * up x, else activation(up x)
  bool tied = true;    // the output weight is the token table
  double eps = 1e-5;   // added to the variance or mean square by norms

  index_t query_width() const { return heads * head_size; }
  index_t kv_width() const { return kv_heads * head_size; }
  index_t qkv_width() const { return query_width() + 2 * kv_width(); }
};

// The same with its zeros filled in. ValueError for sizes outside their bounds (which no real model
// reaches, and products of which do not overflow), heads that do not divide what they share, an odd
// head size with rotary positions, eps or rope_theta that are no positive numbers, a rope_scaling
// that is none.
GptConfig completed(GptConfig config);

// ValueError naming the allowed ones.
GptNorm gpt_norm_from_name(std::string_view name);
GptPositions gpt_positions_from_name(std::string_view name);
GptActivation gpt_activation_from_name(std::string_view name);
RopeScaling::Kind rope_scaling_from_name(std::string_view name);

}  // namespace tt::models
