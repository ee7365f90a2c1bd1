// tinytorch._core.models: the engine's own models.
#include <pybind11/stl.h>

#include "gil.hpp"
#include "tensor_type.hpp"
#include "tinytorch/models/digits_cnn.hpp"
#include "tinytorch/models/simple_mlp.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

using autograd::Tensor;

template <class Model>
auto bind_model(py::module_& m, const char* name, const char* doc) {
  return py::class_<Model>(m, name, doc)
      .def(
          "forward",
          [](Model& self, const Tensor& x) {
            ReleaseGil release(x.array().size() > kReleaseAbove);
            return self.forward(x);
          },
          py::arg("x").none(false))
      .def(
          "__call__", [](Model& self, const Tensor& x) { return self.forward(x); },
          py::arg("x").none(false))
      .def("parameters", &Model::parameters)
      .def("named_parameters", &Model::named_parameters)
      .def("count_parameters", &Model::count_parameters)
      .def("load_state_dict", &Model::load_state_dict, py::arg("state"));
}

}  // namespace

void bind_models(py::module_& parent) {
  py::module_ m = parent.def_submodule("models", "Models written in C++.");
  bind_model<models::SimpleMLP>(m, "SimpleMLP", "Linear, ReLU, Linear.")
      .def(py::init([](index_t in, index_t hidden, index_t out, std::uint64_t seed) {
             Generator generator(seed);
             return std::make_unique<models::SimpleMLP>(generator, in, hidden, out);
           }),
           py::arg("input_size") = 10, py::arg("hidden_size") = 20, py::arg("output_size") = 3,
           py::arg("seed") = 0)
      .def_static(
          "over",
          [](const Tensor& w1, const Tensor& b1, const Tensor& w2, const Tensor& b2) {
            return std::make_unique<models::SimpleMLP>(w1, b1, w2, b2);
          },
          py::arg("w1").none(false), py::arg("b1").none(false), py::arg("w2").none(false),
          py::arg("b2").none(false), "A model that shares these four tensors.");
  bind_model<models::DigitsCNN>(m, "DigitsCNN",
                                "Two convolutions and a linear layer for 8x8 digits.")
      .def(py::init([](index_t width, index_t classes, std::uint64_t seed) {
             Generator generator(seed);
             return std::make_unique<models::DigitsCNN>(generator, width, classes);
           }),
           py::arg("width") = 16, py::arg("classes") = 10, py::arg("seed") = 0);
}

}  // namespace tt::bindings
