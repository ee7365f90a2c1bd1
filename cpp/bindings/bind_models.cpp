// tinytorch._core.models: the engine's own models.
#include <pybind11/stl.h>

#include "gil.hpp"
#include "layer_binding.hpp"
#include "tensor_type.hpp"
#include "tinytorch/models/digits_cnn.hpp"
#include "tinytorch/models/gpt_decoder.hpp"
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

// A block's tensors in the order of GptBlockWeights.
models::GptBlockWeights block_from(const py::sequence& parts) {
  if (parts.size() != 16) fail<ValueError>("a block has 16 tensors, got ", parts.size());
  const auto at = [&](std::size_t i) { return optional_floats(py::object(parts[i])); };
  return {at(0), at(1), at(2),  at(3),  at(4),  at(5),  at(6),  at(7),
          at(8), at(9), at(10), at(11), at(12), at(13), at(14), at(15)};
}

void bind_gpt_decoder(py::module_& m) {
  using models::GptDecoder;
  py::class_<GptDecoder>(m, "GptDecoder",
                         "Decodes one token of a GPT at a time, with keys and values kept.")
      .def(py::init([](py::handle tokens, py::handle positions, const py::sequence& blocks,
                       py::handle gamma, py::handle beta, py::handle head, index_t heads,
                       float eps) {
             models::GptWeights w;
             w.tokens = floats_of(tokens), w.positions = floats_of(positions);
             for (const py::handle block : py::tuple(blocks)) {  // which holds them
               w.blocks.push_back(block_from(py::cast<py::sequence>(block)));
             }
             w.norm_gamma = floats_of(gamma), w.norm_beta = floats_of(beta);
             w.head = floats_of(head);
             return std::make_unique<GptDecoder>(std::move(w), heads, eps);
           }),
           py::arg("tokens"), py::arg("positions"), py::arg("blocks"), py::arg("gamma"),
           py::arg("beta"), py::arg("head"), py::arg("heads"), py::arg("eps"))
      .def(
          "attach",
          [](GptDecoder& self, index_t layer, py::handle keys, py::handle values, index_t length) {
            self.attach(layer, array_of(keys), array_of(values), length);
          },
          py::arg("layer"), py::arg("keys"), py::arg("values"), py::arg("length"),
          "Take over a layer's cache, filled up to `length`; steps write into it.")
      .def(
          "step",
          [](GptDecoder& self, index_t token, index_t position) {
            Array logits;
            {
              ReleaseGil release;
              logits = self.step(token, position).copy();
            }
            return to_numpy(logits);
          },
          py::arg("token"), py::arg("position"), "Logits (vocabulary,) of the token that follows.");
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
  bind_gpt_decoder(m);
}

}  // namespace tt::bindings
