// Cross entropy of class logits, fused: probabilities are never stored. Logits are read twice, once
// by each direction, and the gradient is written once.
#pragma once
#include "tinytorch/array/array.hpp"

namespace tt::ops {

// logits (..., C), targets (...) of class indices. With smoothing s the target distribution is
// (1 - s) onehot + s / C (Szegedy et al. 2016).
//   loss = mean over rows of - sum_c q_c log_softmax(logits)_c
// IndexError when a class index is outside [0, C).
struct CrossEntropy {
  Array loss;            // 0-d
  Array top, log_total;  // (rows): max and log(sum exp(logits - max)), for the gradient
};
CrossEntropy cross_entropy(const Array& logits, const Array& targets, double smoothing);
// (softmax - q) * dy / rows, from the same logits and targets.
Array cross_entropy_grad(const Array& dy, const Array& logits, const CrossEntropy& forward,
                         const Array& targets, double smoothing);

}  // namespace tt::ops
