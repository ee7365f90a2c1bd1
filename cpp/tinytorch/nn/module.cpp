#include "tinytorch/nn/module.hpp"

#include <algorithm>

namespace tt::nn {

NamedTensors Module::named_parameters() const {
  NamedTensors out;
  collect("", out);
  return out;
}

std::vector<Tensor> Module::parameters() const {
  std::vector<Tensor> out;
  for (const auto& [name, tensor] : named_parameters()) out.push_back(tensor);
  return out;
}

index_t Module::count_parameters() const {
  index_t total = 0;
  for (const Tensor& p : parameters()) total += p.array().size();
  return total;
}

void Module::load_state_dict(const NamedTensors& state) {
  NamedTensors own = named_parameters();
  for (const auto& [name, value] : state) {
    const auto found = std::find_if(own.begin(), own.end(),
                                    [&n = name](const auto& entry) { return entry.first == n; });
    if (found == own.end()) fail<ValueError>("unexpected parameter '", name, "' in the state");
    if (!(found->second.shape() == value.shape())) {
      fail<ShapeError>("parameter '", name, "' has shape ", to_string(found->second.shape()),
                       ", the state brings ", to_string(value.shape()));
    }
  }
  for (auto& [name, parameter] : own) {
    const auto found = std::find_if(state.begin(), state.end(),
                                    [&n = name](const auto& entry) { return entry.first == n; });
    if (found == state.end()) fail<ValueError>("parameter '", name, "' is missing from the state");
    parameter.set_array(found->second.array().astype(parameter.dtype()).copy());
  }
}

}  // namespace tt::nn
