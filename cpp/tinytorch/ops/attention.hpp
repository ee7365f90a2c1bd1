// Scaled dot-product attention without the matrix of all probabilities:
//   y = softmax(scale q k^T) v,  q (..., L, D), k (..., S, D), v (..., S, E), y (..., L, E)
// with `causal`, query i sees keys up to i + S - L. A few queries at a time meet all keys that they
// see, in memory that stays in the cache; backward makes the probabilities again.
#pragma once
#include "tinytorch/array/array.hpp"
#include "tinytorch/ops/matmul.hpp"

namespace tt::ops {

struct AttentionOptions {
  bool causal = false;
  double scale = 1.0;
  Products products = Products::full;
};

// Whether the functions below take these operands: float32, equal leading dimensions, something to
// see for every query.
bool attention_fits(const Array& q, const Array& k, const Array& v, bool causal);

// y lies in memory as q does: heads inside positions if they are there.
Array attention(const Array& q, const Array& k, const Array& v, const AttentionOptions& options);

struct AttentionGrads {
  Array dq, dk, dv;
};
AttentionGrads attention_grad(const Array& dy, const Array& q, const Array& k, const Array& v,
                              const AttentionOptions& options);
// The same into arrays (views) that are there.
void attention_grad_into(const Array& dy, const Array& q, const Array& k, const Array& v,
                         const AttentionOptions& options, const AttentionGrads& out);

}  // namespace tt::ops
