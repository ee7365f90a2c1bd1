// Reverse-mode differentiation: one pass over the graph in topological order.
#pragma once
#include "tinytorch/autograd/node.hpp"

namespace tt::autograd {

struct BackwardOptions {
  bool free_graph = false;  // drop saved arrays after use; a second backward is then an error
};

// Adds d(root . seed) / d(t) to the .grad of every tensor t that the graph reaches and that
// requires grad, intermediate ones that still exist included. `seed` undefined: ones, for a root of
// one element (ValueError "non-scalar" otherwise). Does nothing if root does not require grad.
// StateError if the graph has a cycle.
void backward(const Tensor& root, Array seed = Array(), BackwardOptions options = {});

}  // namespace tt::autograd
