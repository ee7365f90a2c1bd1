#include <pybind11/stl.h>

#include "numpy_bridge.hpp"
#include "ops_module.hpp"

namespace py = pybind11;

namespace tt::bindings {

using autograd::Tensor;

namespace {

// Running statistics are the caller's ndarrays, changed in place.
Array running(py::handle array) {
  if (array.is_none()) return Array();
  if (is_tensor(array)) return tensor_of(array).array();
  const Array out = from_numpy(py::cast<py::array>(array));
  if (out.raw() != py::reinterpret_borrow<py::array>(array).data()) {
    fail<TypeError>("running statistics must be writable arrays of float32 or float64");
  }
  return out;
}

void bind_losses(py::module_& m) {
  bind_op(m, "mse_loss", [](const Tensor& p, const Tensor& t) {
    return without_gil([&] { return autograd::mse_loss(p, t); }, p, t);
  }, py::arg("prediction").none(false), py::arg("target").none(false));
  bind_op(m, "cross_entropy", [](const Tensor& x, const Tensor& t, double smoothing) {
    return without_gil([&] { return autograd::cross_entropy(x, t, smoothing); }, x);
  }, py::arg("logits").none(false), py::arg("target").none(false), py::arg("label_smoothing") = 0.0);
  bind_op(m, "binary_cross_entropy", [](const Tensor& p, const Tensor& t, double eps) {
    return without_gil([&] { return autograd::binary_cross_entropy(p, t, eps); }, p);
  }, py::arg("p").none(false), py::arg("target").none(false), py::arg("eps") = 1e-7);
  bind_op(m, "binary_cross_entropy_with_logits", [](const Tensor& x, const Tensor& t) {
    return without_gil([&] { return autograd::binary_cross_entropy_with_logits(x, t); }, x);
  }, py::arg("x").none(false), py::arg("target").none(false));
  bind_op(m, "kl_div", [](const Tensor& q, const Tensor& p) {
    return without_gil([&] { return autograd::kl_div(q, p); }, q);
  }, py::arg("log_q").none(false), py::arg("p").none(false));
}

void bind_norms(py::module_& m) {
  bind_op(m, "layer_norm", [](const Tensor& x, const Tensor& w, const Tensor& b, double eps) {
    return without_gil([&] { return autograd::layer_norm(x, w, b, eps); }, x);
  }, py::arg("x").none(false), py::arg("weight") = py::none(), py::arg("bias") = py::none(),
          py::arg("eps") = 1e-5);
  bind_op(m, "rms_norm", [](const Tensor& x, const Tensor& w, double eps) {
    return without_gil([&] { return autograd::rms_norm(x, w, eps); }, x);
  }, py::arg("x").none(false), py::arg("weight") = py::none(), py::arg("eps") = 1e-6);
  bind_op(m, "batch_norm", [](const Tensor& x, const Tensor& w, const Tensor& b, py::handle mean,
                              py::handle var, bool training, double momentum, double eps) {
    const Array running_mean = running(mean), running_var = running(var);
    return without_gil([&] {
      return autograd::batch_norm(x, w, b, running_mean, running_var, training, momentum, eps);
    }, x);
  }, py::arg("x").none(false), py::arg("weight"), py::arg("bias"), py::arg("running_mean"),
          py::arg("running_var"), py::arg("training"), py::arg("momentum") = 0.1,
          py::arg("eps") = 1e-5);
}

}  // namespace

void bind_ops_nn(py::module_& m) {
  bind_losses(m);
  bind_norms(m);
  bind_op(m, "softmax", [](const Tensor& x, index_t axis) {
    return without_gil([&] { return autograd::softmax(x, axis); }, x);
  }, py::arg("x").none(false), py::arg("axis") = -1);
  bind_op(m, "log_softmax", [](const Tensor& x, index_t axis) {
    return without_gil([&] { return autograd::log_softmax(x, axis); }, x);
  }, py::arg("x").none(false), py::arg("axis") = -1);
  bind_op(m, "dropout", [](const Tensor& x, double p, Generator* generator) {
    Generator& g = generator != nullptr ? *generator : default_generator();
    return autograd::dropout(x, p, g);
  }, py::arg("x").none(false), py::arg("p") = 0.5, py::arg("generator") = py::none());
  bind_op(m, "scaled_dot_product_attention",
          [](const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask, bool causal,
             std::optional<double> scale) {
            return without_gil([&] {
              return autograd::scaled_dot_product_attention(q, k, v, mask, causal, scale);
            }, q, k);
          },
          py::arg("q").none(false), py::arg("k").none(false), py::arg("v").none(false),
          py::arg("mask") = py::none(), py::arg("causal") = false, py::arg("scale") = py::none());
}

}  // namespace tt::bindings
