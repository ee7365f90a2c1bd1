// How many bits the codes of an int8 network's values have.
#pragma once
#include <vector>

#include "tinytorch/runtime/cnn/graph.hpp"

namespace tt::runtime {

// What a convolution in mirror pairs takes has seven bits, so that sums of two codes are codes as
// well; so has what a pool makes that of. All others have eight, images too.
struct CodeWidths {
  explicit CodeWidths(const CnnGraph& graph);

  std::vector<bool> seven_bits;  // of values
  std::vector<bool> pairs;       // of layers: convolutions computed in mirror pairs
};

}  // namespace tt::runtime
