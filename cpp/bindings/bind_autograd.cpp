// Backward, gradient mode, hooks, in-place operations.
#include <pybind11/stl.h>

#include "gil.hpp"
#include "index_key.hpp"
#include "numpy_bridge.hpp"
#include "tensor_type.hpp"
#include "tinytorch/autograd/engine.hpp"
#include "tinytorch/autograd/functions.hpp"

namespace py = pybind11;

namespace tt::bindings {

using autograd::Tensor;

namespace {

void run_backward(const Tensor& root, py::handle gradient, bool free_graph) {
  if (!root.requires_grad()) return;
  Array seed;
  if (is_tensor(gradient)) {
    seed = tensor_of(gradient).array();
  } else if (!gradient.is_none()) {
    seed = from_object(gradient, autograd::gradient_type(root.dtype()));
  }
  const Tensor now = root.snapshot();
  ReleaseGil release;
  autograd::backward(now, seed, {free_graph});
}

// The hook sees the gradient as an ndarray and may return another.
int add_hook(const Tensor& t, py::object callable) {
  static int next = 0;
  auto kept = std::make_shared<PyRef>(std::move(callable));
  const int id = next++;
  t.meta()->add_hook(id, [kept](const Array& g) -> Array {
    AcquireGil gil;
    const py::object result = kept->get()(to_numpy(g.copy()));
    return result.is_none() ? Array() : operand(result).array();
  });
  return id;
}

void remove_hook(const Tensor& t, int id) { t.meta()->remove_hook(id); }

// In-place changes are seen by the graph: a leaf that requires grad may not be changed while
// recording, and saved data that changed makes backward() an error. They are not seen by results
// made from the tensor, which behave as copies: memory that one of them views is left to it.
const Array& writable(Tensor t) {
  if (t.requires_grad() && autograd::grad_enabled()) {
    fail<StateError>(
        "a tensor that requires grad cannot be changed in place while operations are "
        "recorded; do it inside no_grad()");
  }
  const StoragePtr& storage = t.array().storage();
  if (storage->viewed() && storage->use_count() > 1) t.set_array(t.array().copy());
  return t.array();
}

void bind_in_place(py::module_& m) {
  m.def(
      "add_",
      [](const Tensor& t, const Tensor& other) {
        ops::add_in_place(writable(t), other.array());
        return t;
      },
      py::arg("tensor").none(false), py::arg("other").none(false),
      "tensor += other, in its memory.");
  m.def(
      "copy_",
      [](const Tensor& t, const Tensor& other) {
        writable(t).copy_from(other.array());
        t.array().storage()->bump_version();
        return t;
      },
      py::arg("tensor").none(false), py::arg("other").none(false),
      "Overwrite tensor with other, broadcast.");
  m.def(
      "fill_",
      [](const Tensor& t, double value) {
        writable(t).fill(value);
        t.array().storage()->bump_version();
        return t;
      },
      py::arg("tensor").none(false), py::arg("value"), "Overwrite every element with a number.");
  m.def(
      "index_assign_",
      [](const Tensor& t, py::handle key, const Tensor& value) {
        ops::index_assign(writable(t), index_key(key), value.array());
        return t;
      },
      py::arg("tensor").none(false), py::arg("key"), py::arg("value").none(false),
      "tensor[key] = value.");
}

}  // namespace

void bind_autograd(py::module_& m) {
  m.def("backward", &run_backward, py::arg("tensor").none(false), py::arg("gradient") = py::none(),
        py::arg("free_graph") = false);
  m.def("is_grad_enabled", &autograd::grad_enabled);
  m.def("set_grad_enabled", &autograd::set_grad_enabled, py::arg("enabled"));
  m.def("is_autocast_enabled", &autograd::autocast_enabled);
  m.def("set_autocast_enabled", &autograd::set_autocast_enabled, py::arg("enabled"));
  m.def("add_hook", &add_hook, py::arg("tensor").none(false), py::arg("hook"));
  m.def("remove_hook", &remove_hook, py::arg("tensor").none(false), py::arg("id"));
  bind_in_place(m);
}

}  // namespace tt::bindings
