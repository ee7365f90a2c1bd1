// Rotary position embedding (Su et al. 2021): how fast each pair of a head is turned.
#pragma once
#include <vector>

#include "tinytorch/models/gpt_config.hpp"

namespace tt::models {

// Radians per position of pair i in [0, head_size / 2): theta^(-2 i / head_size), scaled as the
// config has it.
std::vector<double> rotary_frequencies(const GptConfig& config);

}  // namespace tt::models
