// What the bindings of quantized and sparse layers share. These layers are immutable; they take a
// Tensor and give an untracked Tensor, or take anything array-like and give an ndarray.
#pragma once
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <vector>

#include "gil.hpp"
#include "numpy_bridge.hpp"
#include "ops_module.hpp"
#include "tensor_type.hpp"
#include "tinytorch/kernels/conv/window.hpp"

namespace tt::bindings {

// A Tensor or anything array-like, with its own element type.
inline Array array_of(pybind11::handle object) {
  if (object.is_none()) fail<TypeError>("expected an array, got None");
  if (is_tensor(object)) return tensor_of(object).array();
  const auto array = pybind11::array::ensure(object);
  if (!array) {
    fail<TypeError>("expected an array, got ",
                    std::string(pybind11::str(pybind11::type::of(object))));
  }
  return from_numpy(array, true);
}

// As float32, the type of weights and masks' inputs.
inline Array floats_of(pybind11::handle object) {
  if (object.is_none()) fail<TypeError>("expected an array, got None");
  if (is_tensor(object)) return tensor_of(object).array().astype(DType::f32);
  return from_object(object, DType::f32);
}

// The same of what may be left out: None is an undefined array.
inline Array optional_array(pybind11::handle object) {
  return object.is_none() ? Array() : array_of(object);
}
inline Array optional_floats(pybind11::handle object) {
  return object.is_none() ? Array() : floats_of(object);
}

// Each of several. A sequence may make its items when asked; the tuple holds them.
inline std::vector<Array> all_floats_of(const pybind11::sequence& objects) {
  std::vector<Array> all;
  for (const pybind11::handle object : pybind11::tuple(objects)) all.push_back(floats_of(object));
  return all;
}

// A copy: the layer's own memory stays out of reach.
inline pybind11::object numpy_copy(const Array& a) {
  if (!a.defined()) return pybind11::none();
  return to_numpy(a.copy());
}

// fn(Array) -> Array, without the GIL where that pays; `cost` is work per input element.
template <class Fn>
pybind11::object apply_layer(pybind11::handle x, index_t cost, Fn&& fn) {
  const bool tensor = is_tensor(x);
  const Array input = tensor ? tensor_of(x).array() : from_object(x, DType::f32);
  Array output;
  {
    const ReleaseGil release(input.size() * cost > kReleaseAbove * 10);
    output = fn(input);
  }
  if (tensor) return pybind11::cast(autograd::Tensor(output));
  return to_numpy(output);
}

// The part of a state that must be there; ValueError naming what is missing.
inline Array state_part(const pybind11::dict& state, const char* name) {
  if (!state.contains(name)) {
    fail<ValueError>("the state of the layer lacks '", name, "'; it holds ",
                     std::string(pybind11::str(pybind11::list(state))));
  }
  return array_of(state[name]);
}
inline Array optional_part(const pybind11::dict& state, const char* name) {
  return state.contains(name) ? optional_array(state[name]) : Array();
}
inline float scale_part(const pybind11::dict& state) {
  const Array scale = optional_part(state, "input_scale");
  return scale.defined() ? static_cast<float>(scale.item()) : 0.0f;
}

// Integers of a state part, `count` of them.
inline Dims ints_part(const pybind11::dict& state, const char* name, index_t count) {
  const Array values = state_part(state, name).astype(DType::i64).contiguous();
  if (!(values.shape() == Shape{count})) {
    fail<ShapeError>("the state's '", name, "' must hold ", count, " integers, got shape ",
                     to_string(values.shape()));
  }
  return Dims(values.data<index_t>(), values.data<index_t>() + count);
}

template <class... Ints>
pybind11::object int_array(Ints... values) {
  return to_numpy(Array::from<index_t>({static_cast<index_t>(values)...}, {sizeof...(values)}));
}

inline void put_optional(pybind11::dict& state, const Array& bias, float input_scale) {
  if (bias.defined()) state["bias"] = numpy_copy(bias);
  if (input_scale > 0.0f) state["input_scale"] = to_numpy(Array::full({1}, input_scale));
}

inline kernels::Window2d window_of(pybind11::handle stride, pybind11::handle padding,
                                   pybind11::handle dilation) {
  const auto s = pair_from(stride, "stride"), p = pair_from(padding, "padding");
  const auto d = pair_from(dilation, "dilation");
  kernels::Window2d w;
  w.stride_h = s.h, w.stride_w = s.w;
  w.pad_h = p.h, w.pad_w = p.w;
  w.dilation_h = d.h, w.dilation_w = d.w;
  return w;
}

// Stride, padding, dilation (height, width each) and groups, as a state holds them.
inline pybind11::object geometry_array(const kernels::Window2d& w, index_t groups) {
  return int_array(w.stride_h, w.stride_w, w.pad_h, w.pad_w, w.dilation_h, w.dilation_w, groups);
}
struct Geometry {
  kernels::Window2d window;
  index_t groups;
};
inline Geometry geometry_part(const pybind11::dict& state) {
  const Dims g = ints_part(state, "geometry", 7);
  // A state may come from a file: enormous padding would ask for enormous results.
  constexpr index_t kMost = 256;
  for (int i = 0; i < 6; ++i) {
    if (g[i] < 0 || g[i] > kMost) {
      fail<ValueError>("a stored geometry has stride, padding and dilation of at most ", kMost,
                       ", got ", to_string(g));
    }
  }
  kernels::Window2d w;
  w.stride_h = g[0], w.stride_w = g[1];
  w.pad_h = g[2], w.pad_w = g[3];
  w.dilation_h = g[4], w.dilation_w = g[5];
  return {w, g[6]};
}

// What every layer class has: calls, sizes, and copies that share the immutable layer.
template <class Layer, class Class>
void def_layer(Class& c) {
  namespace py = pybind11;
  c.def(
       "__call__", [](py::object self, py::handle x) { return self.attr("forward")(x); },
       py::arg("x"))
      .def("stored_bytes", &Layer::stored_bytes, "Bytes of the layer's arrays in a file.")
      .def_property_readonly("input_scale", &Layer::input_scale,
                             "Static activation scale, or 0 where each row or image is measured.")
      .def_property_readonly("bias", [](const Layer& l) { return numpy_copy(l.bias()); })
      .def("__copy__", [](py::object self) { return self; })
      .def(
          "__deepcopy__", [](py::object self, py::handle) { return self; }, py::arg("memo"))
      .def("__reduce__", [](py::object self) {
        const auto rebuild = py::module_::import("operator").attr("methodcaller");
        return py::make_tuple(rebuild("from_state", self.attr("state")()),
                              py::make_tuple(py::type::of(self)));
      });
}

}  // namespace tt::bindings
