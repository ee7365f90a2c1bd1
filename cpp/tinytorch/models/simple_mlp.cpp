#include "tinytorch/models/simple_mlp.hpp"

#include "tinytorch/autograd/functions.hpp"

namespace tt::models {

SimpleMLP::SimpleMLP(Generator& generator, index_t input_size, index_t hidden_size,
                     index_t output_size)
    : fc1(input_size, hidden_size, generator), fc2(hidden_size, output_size, generator) {}

SimpleMLP::SimpleMLP(autograd::Tensor w1, autograd::Tensor b1, autograd::Tensor w2,
                     autograd::Tensor b2)
    : fc1(std::move(w1), std::move(b1)), fc2(std::move(w2), std::move(b2)) {}

autograd::Tensor SimpleMLP::forward(const autograd::Tensor& x) {
  return fc2.forward(autograd::unary(autograd::Unary::relu, fc1.forward(x)));
}

void SimpleMLP::collect(const std::string& prefix, nn::NamedTensors& out) const {
  fc1.collect(prefix + "fc1.", out);
  fc2.collect(prefix + "fc2.", out);
}

}  // namespace tt::models
