// Inference with a stack of linear layers, ReLU between them: weights packed once, a block of rows
// taken through all layers while it is in the first cache. Results are those of the plain
// operators, bit for bit; nothing is allocated in steady state.
#pragma once
#include <vector>

#include "tinytorch/array/array.hpp"
#include "tinytorch/kernels/gemm_f32/packed.hpp"

namespace tt::runtime {

class MlpSession {
 public:
  // weights[i] (in, out) and biases[i] (out,), float32 or what converts to it; outputs of a layer
  // are inputs of the next. ShapeError where they do not fit, ValueError for no layers or no
  // inputs.
  MlpSession(const std::vector<Array>& weights, const std::vector<Array>& biases);

  index_t in_features() const { return layers_.front().weight.k; }
  index_t out_features() const { return layers_.back().weight.n; }
  index_t products() const { return products_; }  // multiply-adds of a row
  // x (rows, in) to y (rows, out), both contiguous.
  void run(const float* x, index_t rows, float* y) const;

 private:
  struct Layer {
    kernels::PackedF32 weight;
    std::vector<float> bias;
  };
  void run_block(const float* x, index_t rows, float* y) const;

  std::vector<Layer> layers_;
  index_t widest_ = 0;    // of the hidden layers
  index_t products_ = 0;  // per row
};

}  // namespace tt::runtime
