// Gradient nodes across the language border: the engine's nodes as Python objects, and nodes that
// Python defines (any object with `saved_tensors` and `apply`) as the engine's.
#pragma once
#include <pybind11/pybind11.h>

#include "tinytorch/autograd/node.hpp"

namespace tt::bindings {

// The `_grad_fn` object of a node: the user's own object, or one made by the registered factory.
pybind11::object node_object(const std::shared_ptr<autograd::Node>& node);

// The object of a node defined in Python (borrowed); null for the engine's nodes.
PyObject* python_function(const autograd::Node& node);

// The node that a `_grad_fn` object stands for.
std::shared_ptr<autograd::Node> node_from_object(pybind11::handle object);

void bind_nodes(pybind11::module_& m);

}  // namespace tt::bindings
