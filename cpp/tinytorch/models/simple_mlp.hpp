// The capstone's model in C++: Linear, ReLU, Linear. (10, 20, 3) has 283 parameters:
// 10 x 20 + 20 + 20 x 3 + 3.
#pragma once
#include "tinytorch/nn/layers.hpp"

namespace tt::models {

class SimpleMLP final : public nn::Module {
 public:
  explicit SimpleMLP(Generator& generator, index_t input_size = 10, index_t hidden_size = 20,
                     index_t output_size = 3);
  // Shares the tensors of another model of this form.
  SimpleMLP(autograd::Tensor w1, autograd::Tensor b1, autograd::Tensor w2, autograd::Tensor b2);

  autograd::Tensor forward(const autograd::Tensor& x) override;
  void collect(const std::string& prefix, nn::NamedTensors& out) const override;

  nn::Linear fc1, fc2;
};

}  // namespace tt::models
