// Attention over queries, keys and values that one product made side by side.
#pragma once
#include <optional>

#include "tinytorch/autograd/tensor.hpp"

namespace tt::autograd {

// qkv (..., L, 3 E), E = heads * width, holding q, k and v of every head; y (..., L, E).
Tensor packed_attention(const Tensor& qkv, index_t heads, bool causal, std::optional<double> scale);

}  // namespace tt::autograd
