// TensorBase: the Python type behind tinytorch.Tensor, written against the C API so that an
// operation on small tensors costs little more than its arithmetic. The Python class Tensor derives
// from it and adds methods; objects made by the engine are instances of that class.
//
// What Python sees of a tensor is kept here and made on demand:
//   data      an ndarray over the tensor's memory, the same object until the memory is replaced
//   grad      None, an ndarray made from the engine's gradient, or whatever the user stored
//   _grad_fn  None, a wrapper of the engine's node, or whatever the user stored
//
// Results behave as copies. They may share memory inside the engine (a reshape is a view), so
// memory is unshared when `data` is first handed out, and a view of a handed-out tensor copies.
#pragma once
#include <pybind11/pybind11.h>

#include <optional>

#include "gil.hpp"
#include "tinytorch/autograd/tensor.hpp"

namespace tt::bindings {

struct PyTensor {
  PyObject_HEAD autograd::Tensor tensor;
  PyObject* data;               // ndarray or null
  PyObject* grad;               // what the grad attribute returns, or null
  const Storage* grad_storage;  // memory that `grad` shows when it is the engine's
  PyObject* grad_fn;            // wrapper of `node`, or null
  const autograd::Node* node;
};

bool is_tensor(pybind11::handle object);
inline PyTensor* raw(pybind11::handle object) { return reinterpret_cast<PyTensor*>(object.ptr()); }

// The tensor of a Python object that is_tensor; StateError if its constructor never ran.
const autograd::Tensor& tensor_of(pybind11::handle object);

// The Python object of a tensor: the same object as long as it lives. New reference.
PyObject* wrap(const autograd::Tensor& tensor);

// A Tensor, or anything array-like as a constant of the dtype that suits `like` (float32 without).
autograd::Tensor operand(pybind11::handle object, const autograd::Tensor* like = nullptr);

// A result that shares memory with `source`, made safe to hand out (see above).
autograd::Tensor unshared_view(autograd::Tensor view, pybind11::handle source);

// Releases the GIL for the rest of the block if the operands are large. Give it every tensor that
// the block reads: another thread may meanwhile assign to their `data`, so each is replaced by a
// snapshot of what it holds now.
class WithoutGil {
 public:
  template <class... Tensors>
  explicit WithoutGil(Tensors&... tensors) {
    if (((tensors.defined() ? tensors.array().size() : 0) + ... + 0) <= kReleaseAbove) return;
    ((tensors = tensors.defined() ? tensors.snapshot() : tensors), ...);
    release_.emplace();
  }
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

 private:
  std::optional<ReleaseGil> release_;
};

void bind_tensor_type(pybind11::module_& m);

}  // namespace tt::bindings

namespace pybind11::detail {

// Lets bound functions take and return autograd::Tensor. With conversion allowed, arrays, numbers
// and nested lists are accepted too; None is an undefined Tensor.
template <>
struct type_caster<tt::autograd::Tensor> {
  PYBIND11_TYPE_CASTER(tt::autograd::Tensor, const_name("Tensor"));

  bool load(handle source, bool convert) {
    if (tt::bindings::is_tensor(source)) {
      value = tt::bindings::tensor_of(source);
      return true;
    }
    if (source.is_none()) {
      value = tt::autograd::Tensor();
      return true;
    }
    if (!convert) return false;
    value = tt::bindings::operand(source);
    return true;
  }
  static handle cast(const tt::autograd::Tensor& t, return_value_policy, handle) {
    if (!t.defined()) return none().release();
    return tt::bindings::wrap(t);
  }
};

}  // namespace pybind11::detail
