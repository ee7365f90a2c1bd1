#include "ops_module.hpp"

namespace py = pybind11;

namespace tt::bindings {

using autograd::Pair;
using autograd::Tensor;

namespace {

using Pooling = Tensor (*)(const Tensor&, Pair, Pair, Pair);
using AdaptivePooling = Tensor (*)(const Tensor&, Pair);

void bind_pooling(py::module_& m, const char* name, Pooling fn) {
  bind_op(
      m, name,
      [fn](Tensor x, py::handle kernel, py::handle stride, py::handle padding) {
        const Pair k = pair_from(kernel, "kernel_size"), p = pair_from(padding, "padding");
        const Pair s = stride.is_none() ? k : pair_from(stride, "stride");
        const WithoutGil released(x);
        return fn(x, k, s, p);
      },
      py::arg("x").none(false), py::arg("kernel_size"), py::arg("stride") = py::none(),
      py::arg("padding") = 0);
}

void bind_adaptive(py::module_& m, const char* name, AdaptivePooling fn) {
  bind_op(
      m, name,
      [fn](Tensor x, py::handle size) {
        const Pair output = pair_from(size, "output_size");
        const WithoutGil released(x);
        return fn(x, output);
      },
      py::arg("x").none(false), py::arg("output_size"));
}

}  // namespace

void bind_ops_conv(py::module_& m) {
  bind_op(
      m, "conv2d",
      [](Tensor x, Tensor weight, Tensor bias, py::handle stride, py::handle padding,
         py::handle dilation, index_t groups) {
        const autograd::ConvOptions options{pair_from(stride, "stride"),
                                            pair_from(padding, "padding"),
                                            pair_from(dilation, "dilation"), groups};
        const WithoutGil released(x, weight, bias);
        return autograd::conv2d(x, weight, bias, options);
      },
      py::arg("x").none(false), py::arg("weight").none(false), py::arg("bias") = py::none(),
      py::arg("stride") = 1, py::arg("padding") = 0, py::arg("dilation") = 1,
      py::arg("groups") = 1);
  bind_pooling(m, "max_pool2d", autograd::max_pool2d);
  bind_pooling(m, "avg_pool2d", autograd::avg_pool2d);
  bind_adaptive(m, "adaptive_avg_pool2d", autograd::adaptive_avg_pool2d);
  bind_adaptive(m, "adaptive_max_pool2d", autograd::adaptive_max_pool2d);
}

}  // namespace tt::bindings
