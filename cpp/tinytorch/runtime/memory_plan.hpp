// Places for a network's activations in one block of memory: values that are never needed at the
// same time may share a place.
#pragma once
#include <vector>

#include "tinytorch/runtime/cnn_graph.hpp"

namespace tt::runtime {

struct MemoryPlan {
  std::vector<index_t> offsets;  // floats per image, of every value; -1 for the input
  index_t size = 0;              // floats per image of everything
  index_t separate = 0;          // what places of their own would take
};

MemoryPlan plan_memory(const CnnGraph& graph);

}  // namespace tt::runtime
