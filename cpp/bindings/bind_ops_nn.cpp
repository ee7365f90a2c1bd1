#include <pybind11/stl.h>

#include "numpy_bridge.hpp"
#include "ops_module.hpp"
#include "tinytorch/autograd/attention.hpp"

namespace py = pybind11;

namespace tt::bindings {

using autograd::Tensor;

namespace {

// Running statistics are the caller's ndarrays, changed in place.
Array running(py::handle array) {
  if (array.is_none()) return Array();
  if (is_tensor(array)) return tensor_of(array).array();
  if (!py::isinstance<py::array>(array)) {
    fail<TypeError>("running statistics must be NumPy arrays or tensors, got ",
                    Py_TYPE(array.ptr())->tp_name);
  }
  const auto values = py::reinterpret_borrow<py::array>(array);
  const Array out = from_numpy(values);
  if (out.raw() != values.data() || !is_float(out.dtype())) {
    fail<TypeError>("running statistics must be writable arrays of float32 or float64");
  }
  return out;
}

void bind_losses(py::module_& m) {
  bind_op(
      m, "mse_loss",
      [](Tensor p, Tensor t) {
        const WithoutGil released(p, t);
        return autograd::mse_loss(p, t);
      },
      py::arg("prediction").none(false), py::arg("target").none(false));
  bind_op(
      m, "cross_entropy",
      [](Tensor x, Tensor t, double smoothing) {
        const WithoutGil released(x, t);
        return autograd::cross_entropy(x, t, smoothing);
      },
      py::arg("logits").none(false), py::arg("target").none(false),
      py::arg("label_smoothing") = 0.0);
  bind_op(
      m, "binary_cross_entropy",
      [](Tensor p, Tensor t, double eps) {
        const WithoutGil released(p, t);
        return autograd::binary_cross_entropy(p, t, eps);
      },
      py::arg("p").none(false), py::arg("target").none(false), py::arg("eps") = 1e-7);
  bind_op(
      m, "binary_cross_entropy_with_logits",
      [](Tensor x, Tensor t) {
        const WithoutGil released(x, t);
        return autograd::binary_cross_entropy_with_logits(x, t);
      },
      py::arg("x").none(false), py::arg("target").none(false));
  bind_op(
      m, "kl_div",
      [](Tensor q, Tensor p) {
        const WithoutGil released(q, p);
        return autograd::kl_div(q, p);
      },
      py::arg("log_q").none(false), py::arg("p").none(false));
}

void bind_norms(py::module_& m) {
  bind_op(
      m, "layer_norm",
      [](Tensor x, Tensor w, Tensor b, double eps) {
        const WithoutGil released(x, w, b);
        return autograd::layer_norm(x, w, b, eps);
      },
      py::arg("x").none(false), py::arg("weight") = py::none(), py::arg("bias") = py::none(),
      py::arg("eps") = 1e-5);
  bind_op(
      m, "rms_norm",
      [](Tensor x, Tensor w, double eps) {
        const WithoutGil released(x, w);
        return autograd::rms_norm(x, w, eps);
      },
      py::arg("x").none(false), py::arg("weight") = py::none(), py::arg("eps") = 1e-6);
  bind_op(
      m, "batch_norm",
      [](Tensor x, Tensor w, Tensor b, py::handle mean, py::handle var, bool training,
         double momentum, double eps, bool relu) {
        const Array running_mean = running(mean), running_var = running(var);
        const WithoutGil released(x, w, b);
        return autograd::batch_norm(x, w, b, running_mean, running_var, training, momentum, eps,
                                    relu);
      },
      py::arg("x").none(false), py::arg("weight"), py::arg("bias"), py::arg("running_mean"),
      py::arg("running_var"), py::arg("training"), py::arg("momentum") = 0.1, py::arg("eps") = 1e-5,
      py::arg("relu") = false);
}

}  // namespace

void bind_ops_nn(py::module_& m) {
  bind_losses(m);
  bind_norms(m);
  bind_op(
      m, "softmax",
      [](Tensor x, index_t axis) {
        const WithoutGil released(x);
        return autograd::softmax(x, axis);
      },
      py::arg("x").none(false), py::arg("axis") = -1);
  bind_op(
      m, "log_softmax",
      [](Tensor x, index_t axis) {
        const WithoutGil released(x);
        return autograd::log_softmax(x, axis);
      },
      py::arg("x").none(false), py::arg("axis") = -1);
  bind_op(
      m, "dropout",
      [](py::handle x, double p, Generator* generator) {
        Generator& g = generator != nullptr ? *generator : default_generator();
        return view_of(x, [&](const Tensor& t) {
          const Tensor out = autograd::dropout(t, p, g);
          return out.impl() == t.impl() ? autograd::reshape(t, t.shape()) : out;  // p = 0
        });
      },
      py::arg("x").none(false), py::arg("p") = 0.5, py::arg("generator") = py::none());
  bind_op(
      m, "scaled_dot_product_attention",
      [](Tensor q, Tensor k, Tensor v, Tensor mask, bool causal, std::optional<double> scale) {
        const WithoutGil released(q, k, v, mask);
        return autograd::scaled_dot_product_attention(q, k, v, mask, causal, scale);
      },
      py::arg("q").none(false), py::arg("k").none(false), py::arg("v").none(false),
      py::arg("mask") = py::none(), py::arg("causal") = false, py::arg("scale") = py::none());
  bind_op(
      m, "packed_attention",
      [](Tensor qkv, py::handle heads, bool causal, std::optional<double> scale) {
        const index_t count = index_from(heads);
        const WithoutGil released(qkv);
        return autograd::packed_attention(qkv, count, causal, scale);
      },
      py::arg("qkv").none(false), py::arg("heads"), py::arg("causal") = false,
      py::arg("scale") = py::none());
  bind_op(
      m, "rotary",
      [](Tensor x, Tensor cos, Tensor sin, py::handle heads) {
        const std::optional<index_t> turned =
            heads.is_none() ? std::nullopt : std::optional<index_t>(index_from(heads));
        const WithoutGil released(x, cos, sin);
        return autograd::rotary(x, cos, sin, turned);
      },
      py::arg("x").none(false), py::arg("cos").none(false), py::arg("sin").none(false),
      py::arg("heads") = py::none());
}

}  // namespace tt::bindings
