#include "tinytorch/nn/layers.hpp"

#include <cmath>

#include "tinytorch/autograd/functions.hpp"

namespace tt::nn {
namespace {

Tensor normal_parameter(const Shape& shape, double deviation, Generator& generator) {
  const Array values = Array::empty(shape);
  generator.normal(values.data<float>(), values.size(), 0.0f, static_cast<float>(deviation));
  return Tensor(values, true);
}

void collect_pair(const std::string& prefix, const Tensor& weight, const Tensor& bias,
                  NamedTensors& out) {
  out.emplace_back(prefix + "weight", weight);
  if (bias.defined()) out.emplace_back(prefix + "bias", bias);
}

}  // namespace

Linear::Linear(index_t in_features, index_t out_features, Generator& generator, bool with_bias)
    : weight(normal_parameter({in_features, out_features},
                              std::sqrt(1.0 / static_cast<double>(in_features)), generator)) {
  if (with_bias) bias = Tensor(Array::zeros({out_features}), true);
}

Linear::Linear(Tensor shared_weight, Tensor shared_bias)
    : weight(std::move(shared_weight)), bias(std::move(shared_bias)) {}

Tensor Linear::forward(const Tensor& x) { return autograd::linear(x, weight, bias); }

void Linear::collect(const std::string& prefix, NamedTensors& out) const {
  collect_pair(prefix, weight, bias, out);
}

Conv2d::Conv2d(index_t in_channels, index_t out_channels, index_t kernel, Generator& generator,
               index_t stride, index_t padding)
    : weight(normal_parameter({out_channels, in_channels, kernel, kernel},
                              std::sqrt(2.0 / static_cast<double>(in_channels * kernel * kernel)),
                              generator)),
      bias(Array::zeros({out_channels}), true),
      stride_(stride),
      padding_(padding) {}

Tensor Conv2d::forward(const Tensor& x) {
  autograd::ConvOptions options;
  options.stride = {stride_, stride_};
  options.padding = {padding_, padding_};
  return autograd::conv2d(x, weight, bias, options);
}

void Conv2d::collect(const std::string& prefix, NamedTensors& out) const {
  collect_pair(prefix, weight, bias, out);
}

Tensor ReLU::forward(const Tensor& x) { return autograd::unary(autograd::Unary::relu, x); }

Tensor MaxPool2d::forward(const Tensor& x) {
  return autograd::max_pool2d(x, {kernel_, kernel_}, {kernel_, kernel_}, {0, 0});
}

Tensor Flatten::forward(const Tensor& x) {
  const index_t rows = x.shape().empty() ? 1 : x.shape()[0];
  return autograd::reshape(x, {rows, rows > 0 ? x.array().size() / rows : 0});
}

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (const auto& module : modules_) y = module->forward(y);
  return y;
}

void Sequential::collect(const std::string& prefix, NamedTensors& out) const {
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    modules_[i]->collect(prefix + std::to_string(i) + ".", out);
  }
}

void Sequential::train(bool training) {
  Module::train(training);
  for (const auto& module : modules_) module->train(training);
}

}  // namespace tt::nn
