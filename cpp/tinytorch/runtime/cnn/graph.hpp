// A convolutional network as a list of nodes, and what becomes of it before anything is computed:
// layers with shapes, batch norms folded into weights, and activations, sums and pools that are
// done on a convolution's results before they are stored.
#pragma once
#include <string>
#include <vector>

#include "tinytorch/array/array.hpp"
#include "tinytorch/kernels/conv/window.hpp"
#include "tinytorch/kernels/conv_f32/conv_f32.hpp"
#include "tinytorch/runtime/precision.hpp"

namespace tt::runtime {

struct CnnNode {
  enum class Kind {
    conv,
    batch_norm,
    relu,
    max_pool,      // windows of size x size, size apart
    average_pool,  // over the whole image
    flatten,
    linear,
    push,     // keeps the value
    project,  // replaces the value kept last by what `branch` makes of it
    add,      // adds the value kept last, and drops it
  };
  Kind kind = Kind::relu;
  std::string name;
  Array weight;                       // conv (out, in / groups, kh, kw), linear (out, in)
  Array bias;                         // (out), may be undefined
  Array gamma, beta, mean, variance;  // batch_norm
  float eps = 1e-5f;
  index_t stride = 1, padding = 0, dilation = 1, groups = 1, size = 1;
  std::vector<CnnNode> branch;
};

// An activation: images of channels x height x width. Stored with the channels innermost, filled
// up to a multiple of `block`.
struct Value {
  index_t channels = 0, height = 0, width = 0;
  index_t block = kernels::kChannelBlock;

  index_t stored_channels() const { return (channels + block - 1) / block * block; }
  index_t stored() const { return height * width * stored_channels(); }  // elements per image
};

struct Layer {
  enum class Kind { conv, max_pool, average_pool, linear, pointwise, to_channels_last };
  Kind kind = Kind::pointwise;
  std::string name;
  int input = -1, residual = -1, output = -1;  // indices of values; residual -1: none
  kernels::Window2d window;                    // conv, max_pool
  index_t groups = 1;
  std::vector<float> weight, bias;  // as the node's, with the norm folded in; bias always there
  bool folded = false;              // a batch norm is in the weights
  bool relu = false;
  bool pool = false;  // 2 x 2 maximum after everything else

  bool depthwise(const Value& from, const Value& to) const {
    return groups > 1 && groups == from.channels && groups == to.channels;
  }
};

struct CnnGraph {
  std::vector<Value> values;  // 0 is the input, the last layer's output the result
  std::vector<Layer> layers;
};

// For int8, the first layer turns images into codes. ShapeError or ValueError, naming the node,
// where the nodes and their weights do not fit together or the last node does not give one row of
// numbers per image.
CnnGraph build_graph(const std::vector<CnnNode>& nodes, const Value& input,
                     Precision precision = Precision::f32);

}  // namespace tt::runtime
