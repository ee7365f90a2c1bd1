// Queries, keys and values that one product made side by side: their positions, and attention over
// them.
#pragma once
#include <optional>

#include "tinytorch/autograd/tensor.hpp"

namespace tt::autograd {

// qkv (..., L, 3 E), E = heads * width, holding q, k and v of every head; y (..., L, E).
Tensor packed_attention(const Tensor& qkv, index_t heads, bool causal, std::optional<double> scale);

// Rotary positions (ops/rotary.hpp): x (..., L, heads * size), tables cos and sin (>= L, size / 2),
// which get no gradients. The first `turned` heads are turned, all if left out.
Tensor rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, std::optional<index_t> turned);

}  // namespace tt::autograd
