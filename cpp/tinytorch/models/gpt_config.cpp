#include "tinytorch/models/gpt_config.hpp"

#include <cmath>
#include <string>

#include "tinytorch/base/error.hpp"

namespace tt::models {
namespace {

constexpr index_t kMostTokens = 1 << 24, kMostPositions = 1 << 24;
constexpr index_t kMostWidth = 1 << 20, kMostHidden = 1 << 22;
constexpr index_t kMostLayers = 1 << 12, kMostHeads = 1 << 12, kMostHeadSize = 1 << 12;

void within(const char* name, index_t value, index_t most) {
  if (value < 1 || value > most) {
    fail<ValueError>("GPT config: ", name, " must be 1 to ", most, ", got ", value);
  }
}

template <std::size_t N>
int place_of(const char* what, std::string_view name, const std::string_view (&names)[N]) {
  std::string allowed;
  for (std::size_t i = 0; i < N; ++i) {
    if (name == names[i]) return static_cast<int>(i);
    allowed += (i == 0 ? "" : i + 1 < N ? ", " : " or ") + std::string(names[i]);
  }
  fail<ValueError>("unknown ", what, " '", name, "'; use ", allowed);
}

void check(const RopeScaling& s) {
  if (!std::isfinite(s.factor) || s.factor < 1.0) {
    fail<ValueError>("GPT config: rope_scaling.factor must be a number from 1, got ", s.factor);
  }
  if (!(s.low > 0.0) || !(s.high > s.low) || !std::isfinite(s.high)) {
    fail<ValueError>("GPT config: rope_scaling.low and high must be 0 < low < high, got ", s.low,
                     " and ", s.high);
  }
  within("rope_scaling.length", s.length, kMostPositions);
}

}  // namespace

GptConfig completed(GptConfig c) {
  within("vocabulary", c.vocabulary, kMostTokens);
  within("width", c.width, kMostWidth);
  within("layers", c.layers, kMostLayers);
  within("heads", c.heads, kMostHeads);
  within("max_length", c.max_length, kMostPositions);
  if (c.kv_heads == 0) c.kv_heads = c.heads;
  within("kv_heads", c.kv_heads, kMostHeads);
  if (c.heads % c.kv_heads != 0) {
    fail<ValueError>("GPT config: ", c.kv_heads, " kv_heads do not divide the ", c.heads,
                     " heads that share them");
  }
  if (c.head_size == 0) {
    if (c.width % c.heads != 0) {
      fail<ValueError>("GPT config: ", c.heads, " heads do not divide the width ", c.width,
                       "; choose another number, or give head_size");
    }
    c.head_size = c.width / c.heads;
  }
  within("head_size", c.head_size, kMostHeadSize);
  if (c.hidden == 0) c.hidden = 4 * c.width;
  within("hidden", c.hidden, kMostHidden);
  if (c.positions == GptPositions::rotary && c.head_size % 2 != 0) {
    fail<ValueError>("GPT config: rotary positions turn pairs, so head_size must be even, got ",
                     c.head_size);
  }
  if (!std::isfinite(c.rope_theta) || c.rope_theta <= 0.0) {
    fail<ValueError>("GPT config: rope_theta must be a positive number, got ", c.rope_theta);
  }
  check(c.rope_scaling);
  if (!std::isfinite(c.eps) || c.eps <= 0.0 || c.eps > 1.0) {
    fail<ValueError>("GPT config: eps must be above 0 and at most 1, got ", c.eps);
  }
  return c;
}

GptNorm gpt_norm_from_name(std::string_view name) {
  return static_cast<GptNorm>(place_of("norm", name, {"layer", "rms"}));
}

GptPositions gpt_positions_from_name(std::string_view name) {
  return static_cast<GptPositions>(place_of("positions", name, {"learned", "rotary"}));
}

GptActivation gpt_activation_from_name(std::string_view name) {
  return static_cast<GptActivation>(
      place_of("activation", name, {"gelu", "gelu_tanh", "gelu_sigmoid", "relu", "silu"}));
}

RopeScaling::Kind rope_scaling_from_name(std::string_view name) {
  return static_cast<RopeScaling::Kind>(
      place_of("rope_scaling.kind", name, {"none", "linear", "llama3"}));
}

}  // namespace tt::models
