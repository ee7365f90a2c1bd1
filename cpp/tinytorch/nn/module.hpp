// Modules of the C++ engine: parameters with names, a forward pass. The Python layers of the course
// are separate objects over the same operators, so that programs can patch them; models that exist
// in both are tied by parity tests.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "tinytorch/autograd/tensor.hpp"

namespace tt::nn {

using autograd::Tensor;
using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

class Module {
 public:
  virtual ~Module() = default;
  virtual Tensor forward(const Tensor& x) = 0;

  // In definition order, names joined by dots: "fc1.weight".
  NamedTensors named_parameters() const;
  std::vector<Tensor> parameters() const;
  index_t count_parameters() const;
  // Copies values by name; ValueError for a missing or unexpected name, ShapeError for another
  // shape.
  void load_state_dict(const NamedTensors& state);

  virtual void train(bool training) { training_ = training; }
  bool training() const { return training_; }

  virtual void collect(const std::string& prefix, NamedTensors& out) const = 0;

 private:
  bool training_ = true;
};

}  // namespace tt::nn
