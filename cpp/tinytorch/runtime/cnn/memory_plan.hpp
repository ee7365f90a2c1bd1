// Places for a network's activations in one block of memory: values that are never needed at the
// same time may share a place.
#pragma once
#include <vector>

#include "tinytorch/runtime/cnn/graph.hpp"

namespace tt::runtime {

struct MemoryPlan {
  std::vector<index_t> offsets;  // bytes per image, of every value; -1 for the input
  index_t size = 0;              // bytes per image of everything
  index_t separate = 0;          // what places of their own would take
};

// `bytes` are the values' sizes per image; places are multiples of 64.
MemoryPlan plan_memory(const CnnGraph& graph, std::vector<index_t> bytes);

}  // namespace tt::runtime
