#include <pybind11/stl.h>

#include "numpy_bridge.hpp"
#include "ops_module.hpp"

namespace py = pybind11;

namespace tt::bindings {

using autograd::Tensor;

namespace {

// Two operands, of which one may be a number or array: it takes the dtype that suits the other.
template <class Fn>
Tensor with_operands(py::handle a, py::handle b, Fn fn) {
  const Tensor* like = is_tensor(a) ? &tensor_of(a) : is_tensor(b) ? &tensor_of(b) : nullptr;
  Tensor x = operand(a, like), y = operand(b, like);
  const WithoutGil released(x, y);
  return fn(x, y);
}

}  // namespace

void bind_ops_elementwise(py::module_& m) {
#define TT_UNARY(op, saved, parameter, doc)                                      \
  if (std::string_view(#op) != "leaky_relu" && std::string_view(#op) != "elu") { \
    bind_op(                                                                     \
        m, #op,                                                                  \
        [](Tensor x) {                                                           \
          const WithoutGil released(x);                                          \
          return autograd::unary(ops::Unary::op, x, parameter);                  \
        },                                                                       \
        py::arg("x").none(false));                                               \
  }
#include "tinytorch/kernels/unary/unary.def"
#undef TT_UNARY
  bind_op(
      m, "leaky_relu",
      [](Tensor x, double slope) {
        const WithoutGil released(x);
        return autograd::unary(ops::Unary::leaky_relu, x, slope);
      },
      py::arg("x").none(false), py::arg("negative_slope") = 0.01);
  bind_op(
      m, "elu",
      [](Tensor x, double alpha) {
        const WithoutGil released(x);
        return autograd::unary(ops::Unary::elu, x, alpha);
      },
      py::arg("x").none(false), py::arg("alpha") = 1.0);

#define TT_BINARY(op, doc)                                                \
  bind_op(                                                                \
      m, #op,                                                             \
      [](py::handle a, py::handle b) {                                    \
        return with_operands(a, b, [](const Tensor& x, const Tensor& y) { \
          return autograd::binary(ops::Binary::op, x, y);                 \
        });                                                               \
      },                                                                  \
      py::arg("a").none(false), py::arg("b").none(false));
#define TT_COMPARE(op, doc)                                               \
  bind_op(                                                                \
      m, #op,                                                             \
      [](py::handle a, py::handle b) {                                    \
        return with_operands(a, b, [](const Tensor& x, const Tensor& y) { \
          return autograd::compare(ops::Compare::op, x, y);               \
        });                                                               \
      },                                                                  \
      py::arg("a").none(false), py::arg("b").none(false));
#include "tinytorch/kernels/binary/binary.def"
#undef TT_BINARY
#undef TT_COMPARE

  bind_op(
      m, "where",
      [](Tensor condition, py::handle a, py::handle b) {
        condition = condition.snapshot();
        return with_operands(a, b, [&](const Tensor& x, const Tensor& y) {
          return autograd::where(condition, x, y);
        });
      },
      py::arg("condition").none(false), py::arg("a").none(false), py::arg("b").none(false));
  bind_op(
      m, "clip",
      [](py::handle x, std::optional<double> low, std::optional<double> high) {
        return view_of(x, [&](Tensor t) {
          const WithoutGil released(t);
          return autograd::clip(t, low, high);
        });
      },
      py::arg("x").none(false), py::arg("min") = py::none(), py::arg("max") = py::none());
  bind_op(
      m, "astype",
      [](py::handle x, py::handle dtype) {
        return view_of(
            x, [&](const Tensor& t) { return autograd::cast(t, dtype_from_object(dtype)); });
      },
      py::arg("x").none(false), py::arg("dtype"));
}

}  // namespace tt::bindings
