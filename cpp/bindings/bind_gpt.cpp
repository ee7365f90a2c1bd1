// tinytorch._core.runtime: inference with a GPT.
#include <pybind11/stl.h>

#include "layer_binding.hpp"
#include "tinytorch/runtime/gpt/session.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

using runtime::GptActivation;
using runtime::GptSequence;
using runtime::GptSession;

GptActivation activation_from_name(const std::string& name) {
  if (name == "gelu") return GptActivation::gelu;
  if (name == "gelu_tanh") return GptActivation::gelu_tanh;
  if (name == "gelu_sigmoid") return GptActivation::gelu_sigmoid;
  if (name == "relu") return GptActivation::relu;
  fail<ValueError>("unknown activation '", name, "'; use gelu, gelu_tanh, gelu_sigmoid or relu");
}

kernels::CacheFormat cache_from_name(const std::string& name) {
  if (name == "f32") return kernels::CacheFormat::f32;
  if (name == "f16") return kernels::CacheFormat::f16;
  fail<ValueError>("unknown cache format '", name, "'; use f32 or f16");
}

// Arrays by the names that GPT-2's published weights have; matrices of blocks are (in, out) there.
class Weights {
 public:
  explicit Weights(const py::dict& arrays) : arrays_(arrays) {}

  Array at(const std::string& name) const {
    if (!arrays_.contains(name.c_str())) {
      fail<ValueError>("the weights lack '", name,
                       "'; a GPT-2 has wte.weight, wpe.weight, "
                       "h.N.{ln_1,ln_2,attn.c_attn,attn.c_proj,mlp.c_fc,mlp.c_proj}.{weight,bias}, "
                       "ln_f.{weight,bias} and perhaps lm_head.weight");
    }
    return floats_of(arrays_[name.c_str()]);
  }
  Array turned(const std::string& name) const {
    const Array a = at(name);
    if (a.ndim() != 2) {
      fail<ShapeError>("'", name, "' must be a matrix (in, out), got ", to_string(a.shape()));
    }
    return a.transpose(0, 1);
  }
  bool has(const std::string& name) const { return arrays_.contains(name.c_str()); }

 private:
  const py::dict& arrays_;
};

runtime::GptBlock block_from(const Weights& w, const std::string& p) {
  return {w.at(p + "ln_1.weight"),
          w.at(p + "ln_1.bias"),
          w.turned(p + "attn.c_attn.weight"),
          w.at(p + "attn.c_attn.bias"),
          w.turned(p + "attn.c_proj.weight"),
          w.at(p + "attn.c_proj.bias"),
          w.at(p + "ln_2.weight"),
          w.at(p + "ln_2.bias"),
          w.turned(p + "mlp.c_fc.weight"),
          w.at(p + "mlp.c_fc.bias"),
          w.turned(p + "mlp.c_proj.weight"),
          w.at(p + "mlp.c_proj.bias")};
}

runtime::GptModel model_from(const py::dict& arrays, index_t heads, float eps,
                             const std::string& activation) {
  const Weights w(arrays);
  runtime::GptModel m;
  m.heads = heads, m.eps = eps, m.activation = activation_from_name(activation);
  m.tokens = w.at("wte.weight"), m.positions = w.at("wpe.weight");
  for (int i = 0; w.has("h." + std::to_string(i) + ".ln_1.weight"); ++i) {
    m.blocks.push_back(block_from(w, "h." + std::to_string(i) + "."));
  }
  m.norm_gamma = w.at("ln_f.weight"), m.norm_beta = w.at("ln_f.bias");
  if (w.has("lm_head.weight")) m.head = w.at("lm_head.weight");
  return m;
}

Array tokens_from(py::handle object) {
  const Array tokens = from_object(object, DType::i64).contiguous();
  if (tokens.ndim() != 1) {
    fail<ShapeError>("the tokens of a sequence must have shape (count,), got ",
                     to_string(tokens.shape()));
  }
  return tokens;
}

py::array append(const GptSession& self, const py::sequence& sequences,
                 const py::sequence& tokens) {
  if (sequences.size() != tokens.size()) {
    fail<ValueError>("append wants as many lists of tokens as sequences, got ", tokens.size(),
                     " for ", sequences.size());
  }
  std::vector<runtime::GptInput> inputs;
  std::vector<Array> kept;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    kept.push_back(tokens_from(py::object(tokens[i])));
    inputs.push_back({py::cast<GptSequence*>(py::object(sequences[i])),
                      kept.back().data<std::int64_t>(), kept.back().size()});
  }
  const Array logits = Array::empty({static_cast<index_t>(inputs.size()), self.vocabulary()});
  {
    const ReleaseGil release;
    self.append(inputs, logits.data<float>());
  }
  return to_numpy(logits);
}

}  // namespace

void bind_gpt(py::module_& parent) {
  py::module_ m = parent.def_submodule("runtime", "Inference sessions with a plan made once.");
  py::class_<GptSequence>(m, "GptSequence", "A text's positions: their keys and values.")
      .def_property_readonly("length", &GptSequence::length)
      .def_property_readonly("capacity", &GptSequence::capacity)
      .def_property_readonly("nbytes", &GptSequence::bytes)
      .def("truncate", &GptSequence::truncate, py::arg("length"));
  py::class_<GptSession>(m, "GptSession", "Inference with a GPT whose weights are packed once.")
      .def(py::init([](const py::dict& weights, index_t heads, float eps,
                       const std::string& activation, const std::string& precision,
                       const std::string& cache) {
             runtime::GptModel model = model_from(weights, heads, eps, activation);
             const runtime::Precision format = runtime::precision_from_name(precision);
             const kernels::CacheFormat kept = cache_from_name(cache);
             const ReleaseGil release;
             return std::make_unique<GptSession>(std::move(model), format, kept);
           }),
           py::arg("weights"), py::arg("heads"), py::arg("eps") = 1e-5f,
           py::arg("activation") = "gelu_tanh", py::arg("precision") = "f32",
           py::arg("cache") = "f32")
      .def_property_readonly("vocabulary", &GptSession::vocabulary)
      .def_property_readonly("max_length", &GptSession::max_length)
      .def_property_readonly(
          "precision",
          [](const GptSession& self) { return std::string(name_of(self.precision())); })
      .def_property_readonly("nbytes", &GptSession::stored_bytes)
      .def("sequence", &GptSession::make_sequence, py::arg("capacity"))
      .def("append", &append, py::arg("sequences"), py::arg("tokens"))
      .def(
          "generate",
          [](const GptSession& self, py::handle prompts, index_t count) {
            const Array ids = from_object(prompts, DType::i64);
            Array made;
            {
              const ReleaseGil release;
              made = self.generate(ids, count);
            }
            return to_numpy(made);
          },
          py::arg("prompts"), py::arg("count"));
}

}  // namespace tt::bindings
