// tinytorch._core.quant: int8 quantization of arrays, calibration, and the int8 layers.
#include <pybind11/stl.h>

#include "layer_binding.hpp"
#include "tinytorch/quant/affine.hpp"
#include "tinytorch/quant/conv2d_int8.hpp"
#include "tinytorch/quant/linear_int8.hpp"
#include "tinytorch/quant/observer.hpp"
#include "tinytorch/quant/per_channel.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

using quant::Conv2dInt8;
using quant::LinearInt8;
using quant::Observer;

void bind_functions(py::module_& m) {
  m.def(
      "choose_affine",
      [](float low, float high) {
        const quant::Affine a = quant::choose_affine(low, high);
        return py::make_tuple(a.scale, a.zero_point);
      },
      py::arg("low"), py::arg("high"),
      "(scale, zero_point) of affine int8 for values in [low, high], widened to include 0.");
  m.def(
      "value_range",
      [](py::handle x) {
        const quant::Range r = quant::range_of(floats_of(x));
        return py::make_tuple(r.low, r.high);
      },
      py::arg("x"), "(smallest, largest) element; ValueError on NaN, infinity or nothing.");
  m.def(
      "quantize_affine",
      [](py::handle x, float scale, int zero_point) {
        return to_numpy(quant::quantize_affine(floats_of(x), {scale, zero_point}));
      },
      py::arg("x"), py::arg("scale"), py::arg("zero_point"),
      "int8: clip(round(x / scale + zero_point), -128, 127).");
  m.def(
      "dequantize_affine",
      [](py::handle q, float scale, int zero_point) {
        return to_numpy(quant::dequantize_affine(array_of(q), {scale, zero_point}));
      },
      py::arg("q"), py::arg("scale"), py::arg("zero_point"), "(q - zero_point) * scale.");
  m.def(
      "quantize_per_channel",
      [](py::handle w) {
        const quant::PerChannel p = quant::quantize_per_channel(floats_of(w));
        return py::make_tuple(to_numpy(p.q), to_numpy(p.scales));
      },
      py::arg("w"), "(int8, scales): symmetric, one scale per slice of the first axis.");
  m.def(
      "dequantize_per_channel",
      [](py::handle q, py::handle scales) {
        return to_numpy(quant::dequantize_per_channel({array_of(q), array_of(scales)}));
      },
      py::arg("q"), py::arg("scales"));
}

void bind_observer(py::module_& m) {
  py::class_<Observer>(m, "Observer", "Watches calibration batches and chooses a symmetric range.")
      .def(py::init([](const std::string& method, double percentile) {
             return Observer(quant::calibration_from_name(method), percentile);
           }),
           py::arg("method") = "minmax", py::arg("percentile") = 99.99)
      .def(
          "observe", [](Observer& o, py::handle x) { o.observe(floats_of(x)); }, py::arg("x"))
      .def("threshold", &Observer::threshold)
      .def("scale", &Observer::scale)
      .def_property_readonly("low", &Observer::low)
      .def_property_readonly("high", &Observer::high)
      .def_property_readonly("count", &Observer::count);
}

void bind_linear(py::module_& m) {
  py::class_<LinearInt8> c(m, "LinearInt8", "y = x W^T + b, computed in int8. Immutable.");
  c.def(py::init([](py::handle weight, py::handle scales, py::handle bias, float input_scale) {
          return LinearInt8(array_of(weight), array_of(scales), optional_floats(bias), input_scale);
        }),
        py::arg("weight"), py::arg("scales"), py::arg("bias") = py::none(),
        py::arg("input_scale") = 0.0f)
      .def_static(
          "from_float",
          [](py::handle weight, py::handle bias, float input_scale) {
            return LinearInt8::from_float(floats_of(weight), optional_floats(bias), input_scale);
          },
          py::arg("weight"), py::arg("bias") = py::none(), py::arg("input_scale") = 0.0f,
          "Quantize a float weight (out, in).")
      .def(
          "forward",
          [](const LinearInt8& l, py::handle x) {
            return apply_layer(x, l.out_features(), [&](const Array& a) { return l.forward(a); });
          },
          py::arg("x"))
      .def("state",
           [](const LinearInt8& l) {
             py::dict state;
             state["q_weight"] = to_numpy(l.weight());
             state["scales"] = numpy_copy(l.scales());
             put_optional(state, l.bias(), l.input_scale());
             return state;
           })
      .def_static(
          "from_state",
          [](const py::dict& s) {
            return LinearInt8(state_part(s, "q_weight"), state_part(s, "scales"),
                              optional_part(s, "bias"), scale_part(s));
          },
          py::arg("state"))
      .def_property_readonly("in_features", &LinearInt8::in_features)
      .def_property_readonly("out_features", &LinearInt8::out_features)
      .def_property_readonly(
          "weight", [](const LinearInt8& l) { return to_numpy(l.weight()); }, "int8 (out, in).")
      .def_property_readonly("scales", [](const LinearInt8& l) { return numpy_copy(l.scales()); });
  def_layer<LinearInt8>(c);
}

void bind_conv(py::module_& m) {
  py::class_<Conv2dInt8> c(m, "Conv2dInt8", "2-D convolution computed in int8. Immutable.");
  c.def(py::init([](py::handle weight, py::handle scales, py::handle bias, py::handle stride,
                    py::handle padding, py::handle dilation, index_t groups, float input_scale) {
          return Conv2dInt8(array_of(weight), array_of(scales), optional_floats(bias),
                            window_of(stride, padding, dilation), groups, input_scale);
        }),
        py::arg("weight"), py::arg("scales"), py::arg("bias") = py::none(), py::arg("stride") = 1,
        py::arg("padding") = 0, py::arg("dilation") = 1, py::arg("groups") = 1,
        py::arg("input_scale") = 0.0f)
      .def_static(
          "from_float",
          [](py::handle weight, py::handle bias, py::handle stride, py::handle padding,
             py::handle dilation, index_t groups, float input_scale) {
            return Conv2dInt8::from_float(floats_of(weight), optional_floats(bias),
                                          window_of(stride, padding, dilation), groups,
                                          input_scale);
          },
          py::arg("weight"), py::arg("bias") = py::none(), py::arg("stride") = 1,
          py::arg("padding") = 0, py::arg("dilation") = 1, py::arg("groups") = 1,
          py::arg("input_scale") = 0.0f, "Quantize a float weight (out, in / groups, kh, kw).")
      .def(
          "forward",
          [](const Conv2dInt8& l, py::handle x) {
            return apply_layer(x, l.weight_shape()[0],
                               [&](const Array& a) { return l.forward(a); });
          },
          py::arg("x"))
      .def("state",
           [](const Conv2dInt8& l) {
             py::dict state;
             state["q_weight"] = to_numpy(l.weight());
             state["scales"] = numpy_copy(l.scales());
             state["geometry"] = geometry_array(l.window(), l.groups());
             put_optional(state, l.bias(), l.input_scale());
             return state;
           })
      .def_static(
          "from_state",
          [](const py::dict& s) {
            const Geometry g = geometry_part(s);
            return Conv2dInt8(state_part(s, "q_weight"), state_part(s, "scales"),
                              optional_part(s, "bias"), g.window, g.groups, scale_part(s));
          },
          py::arg("state"))
      .def_property_readonly(
          "weight", [](const Conv2dInt8& l) { return to_numpy(l.weight()); },
          "int8 (out, in / groups, kh, kw).")
      .def_property_readonly("scales", [](const Conv2dInt8& l) { return numpy_copy(l.scales()); });
  def_layer<Conv2dInt8>(c);
}

}  // namespace

void bind_quant(py::module_& m) {
  auto quant = m.def_submodule("quant", "int8 quantization, calibration and layers.");
  bind_functions(quant);
  bind_observer(quant);
  bind_linear(quant);
  bind_conv(quant);
}

}  // namespace tt::bindings
