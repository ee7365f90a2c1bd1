// The layers that the engine's own models are made of.
#pragma once
#include <memory>
#include <optional>

#include "tinytorch/base/rng.hpp"
#include "tinytorch/nn/module.hpp"

namespace tt::nn {

// y = x weight + bias, weight (in, out). Initialised normal with deviation sqrt(1 / in), bias 0.
class Linear final : public Module {
 public:
  Linear(index_t in_features, index_t out_features, Generator& generator, bool bias = true);
  Linear(Tensor weight, Tensor bias);  // shares the tensors; bias may be undefined
  Tensor forward(const Tensor& x) override;
  void collect(const std::string& prefix, NamedTensors& out) const override;
  Tensor weight, bias;
};

// Images (N, C, H, W), weight (out, in, k, k), initialised normal with deviation sqrt(2 / (in k
// k)).
class Conv2d final : public Module {
 public:
  Conv2d(index_t in_channels, index_t out_channels, index_t kernel, Generator& generator,
         index_t stride = 1, index_t padding = 0);
  Tensor forward(const Tensor& x) override;
  void collect(const std::string& prefix, NamedTensors& out) const override;
  Tensor weight, bias;

 private:
  index_t stride_, padding_;
};

class ReLU final : public Module {
 public:
  Tensor forward(const Tensor& x) override;
  void collect(const std::string&, NamedTensors&) const override {}
};

class MaxPool2d final : public Module {
 public:
  explicit MaxPool2d(index_t kernel) : kernel_(kernel) {}
  Tensor forward(const Tensor& x) override;
  void collect(const std::string&, NamedTensors&) const override {}

 private:
  index_t kernel_;
};

// (N, ...) to (N, everything else).
class Flatten final : public Module {
 public:
  Tensor forward(const Tensor& x) override;
  void collect(const std::string&, NamedTensors&) const override {}
};

// Calls its modules in turn; parameters are named by position: "0.weight".
class Sequential final : public Module {
 public:
  explicit Sequential(std::vector<std::shared_ptr<Module>> modules)
      : modules_(std::move(modules)) {}
  Tensor forward(const Tensor& x) override;
  void collect(const std::string& prefix, NamedTensors& out) const override;
  void train(bool training) override;

 private:
  std::vector<std::shared_ptr<Module>> modules_;
};

}  // namespace tt::nn
