// The submodule tinytorch._core.ops: helpers that its binding files share.
#pragma once
#include <pybind11/pybind11.h>

#include <string>

#include "tensor_type.hpp"
#include "tinytorch/autograd/functions.hpp"

namespace tt::bindings {

// Documentation of an operator from the registry; throws for a name that has no row.
std::string op_doc(const char* name);

// Binds an operator under its registered name and documentation.
template <class Fn, class... Extra>
void bind_op(pybind11::module_& m, const char* name, Fn&& fn, const Extra&... extra) {
  m.def(name, std::forward<Fn>(fn), op_doc(name).c_str(), extra...);
}

// Python's axis argument: None, an int, or a tuple or list of ints.
autograd::Axes axes_from(pybind11::handle axis);
index_t index_from(pybind11::handle number);  // TypeError unless an integer
Dims dims_from(pybind11::handle ints);        // an int, or a sequence of ints
autograd::Pair pair_from(pybind11::handle value, const char* what);  // an int, or two

// An operator whose result may share memory with x: a Tensor (shared safely) or anything
// array-like.
template <class Fn>
autograd::Tensor view_of(pybind11::handle x, Fn fn) {
  if (!is_tensor(x)) return fn(operand(x));
  return unshared_view(fn(tensor_of(x)), x);
}

void bind_ops_elementwise(pybind11::module_& m);
void bind_ops_reduce(pybind11::module_& m);
void bind_ops_shape(pybind11::module_& m);
void bind_ops_nn(pybind11::module_& m);
void bind_ops_conv(pybind11::module_& m);

}  // namespace tt::bindings
