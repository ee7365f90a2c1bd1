// A small CNN for 8 x 8 digits: conv 3x3 - ReLU - pool 2 - conv 3x3 - ReLU - pool 2 - linear.
// Input (N, 1, 8, 8), output (N, 10).
#pragma once
#include "tinytorch/nn/layers.hpp"

namespace tt::models {

class DigitsCNN final : public nn::Module {
 public:
  explicit DigitsCNN(Generator& generator, index_t width = 16, index_t classes = 10);
  autograd::Tensor forward(const autograd::Tensor& x) override;
  void collect(const std::string& prefix, nn::NamedTensors& out) const override;

  nn::Conv2d conv1, conv2;
  nn::Linear fc;

 private:
  nn::ReLU relu_;
  nn::MaxPool2d pool_{2};
  nn::Flatten flatten_;
};

}  // namespace tt::models
