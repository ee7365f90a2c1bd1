#include "tinytorch/models/digits_cnn.hpp"

namespace tt::models {

DigitsCNN::DigitsCNN(Generator& generator, index_t width, index_t classes)
    : conv1(1, width, 3, generator, 1, 1),
      conv2(width, 2 * width, 3, generator, 1, 1),
      fc(2 * width * 2 * 2, classes, generator) {}

autograd::Tensor DigitsCNN::forward(const autograd::Tensor& x) {
  const autograd::Tensor first = pool_.forward(relu_.forward(conv1.forward(x)));
  const autograd::Tensor second = pool_.forward(relu_.forward(conv2.forward(first)));
  return fc.forward(flatten_.forward(second));
}

void DigitsCNN::collect(const std::string& prefix, nn::NamedTensors& out) const {
  conv1.collect(prefix + "conv1.", out);
  conv2.collect(prefix + "conv2.", out);
  fc.collect(prefix + "fc.", out);
}

}  // namespace tt::models
