#include <pybind11/stl.h>

#include "ops_module.hpp"

namespace py = pybind11;

namespace tt::bindings {

using autograd::Tensor;

namespace {

using Reduction = Tensor (*)(const Tensor&, const autograd::Axes&, bool);
using Spread = Tensor (*)(const Tensor&, const autograd::Axes&, double, bool);
using Position = Tensor (*)(const Tensor&, std::optional<index_t>, bool);

void bind_reduction(py::module_& m, const char* name, Reduction fn) {
  bind_op(
      m, name,
      [fn](Tensor x, py::handle axis, bool keepdims) {
        const autograd::Axes axes = axes_from(axis);
        const WithoutGil released(x);
        return fn(x, axes, keepdims);
      },
      py::arg("x").none(false), py::arg("axis") = py::none(), py::arg("keepdims") = false);
}

void bind_spread(py::module_& m, const char* name, Spread fn) {
  bind_op(
      m, name,
      [fn](Tensor x, py::handle axis, double correction, bool keepdims) {
        const autograd::Axes axes = axes_from(axis);
        const WithoutGil released(x);
        return fn(x, axes, correction, keepdims);
      },
      py::arg("x").none(false), py::arg("axis") = py::none(), py::arg("correction") = 1.0,
      py::arg("keepdims") = false);
}

void bind_position(py::module_& m, const char* name, Position fn) {
  bind_op(
      m, name,
      [fn](Tensor x, std::optional<index_t> axis, bool keepdims) {
        const WithoutGil released(x);
        return fn(x, axis, keepdims);
      },
      py::arg("x").none(false), py::arg("axis") = py::none(), py::arg("keepdims") = false);
}

}  // namespace

void bind_ops_reduce(py::module_& m) {
  bind_reduction(m, "sum", autograd::sum);
  bind_reduction(m, "mean", autograd::mean);
  bind_reduction(m, "prod", autograd::prod);
  bind_reduction(m, "max", autograd::max);
  bind_reduction(m, "min", autograd::min);
  bind_reduction(m, "logsumexp", autograd::logsumexp);
  bind_spread(m, "var", autograd::var);
  bind_spread(m, "std", autograd::std);
  bind_position(m, "argmax", autograd::argmax);
  bind_position(m, "argmin", autograd::argmin);
  bind_op(
      m, "cumsum",
      [](Tensor x, index_t axis) {
        const WithoutGil released(x);
        return autograd::cumsum(x, axis);
      },
      py::arg("x").none(false), py::arg("axis"));
  bind_op(
      m, "matmul",
      [](Tensor a, Tensor b) {
        const WithoutGil released(a, b);
        return autograd::matmul(a, b);
      },
      py::arg("a").none(false), py::arg("b").none(false));
  bind_op(
      m, "linear",
      [](Tensor x, Tensor w, Tensor bias) {
        const WithoutGil released(x, w, bias);
        return autograd::linear(x, w, bias);
      },
      py::arg("x").none(false), py::arg("weight").none(false), py::arg("bias") = py::none());
  bind_op(
      m, "einsum",
      [](const std::string& equation, Tensor a, Tensor b) {
        const WithoutGil released(a, b);
        return autograd::einsum(equation, a, b);
      },
      py::arg("equation"), py::arg("a").none(false), py::arg("b").none(false));
}

}  // namespace tt::bindings
