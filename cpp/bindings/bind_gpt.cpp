// tinytorch._core.runtime: inference with a GPT.
#include <pybind11/stl.h>

#include <algorithm>
#include <map>
#include <type_traits>

#include "layer_binding.hpp"
#include "tinytorch/models/rotary_frequencies.hpp"
#include "tinytorch/runtime/gpt/session.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

using models::GptConfig;
using runtime::GptSequence;
using runtime::GptSession;

kernels::CacheFormat cache_from_name(const std::string& name) {
  if (name == "f32") return kernels::CacheFormat::f32;
  if (name == "f16") return kernels::CacheFormat::f16;
  if (name == "int8") return kernels::CacheFormat::int8;
  fail<ValueError>("unknown cache format '", name, "'; use f32, f16 or int8");
}

// The fields of a config by name, with an error that names them where a type is wrong.
class Fields {
 public:
  explicit Fields(const py::dict& given, const char* within = "")
      : given_(given), within_(within) {}

  template <class T>
  T at(const char* name, T otherwise, const char* kind) const {
    if (!given_.contains(name)) return otherwise;
    const py::object value = given_[name];
    const bool flag = PyBool_Check(value.ptr());
    if (flag == std::is_same_v<T, bool>) {
      try {
        return py::cast<T>(value);
      } catch (const py::cast_error&) {  // told below
      }
    }
    fail<TypeError>("GPT config: ", within_, name, " must be ", kind, ", got ",
                    std::string(py::str(py::repr(value))));
  }
  index_t count(const char* name, index_t otherwise) const {
    return at<index_t>(name, otherwise, "an integer");
  }
  // A size that follows from others where it is None.
  index_t derived(const char* name) const {
    return given_.contains(name) && py::object(given_[name]).is_none() ? 0 : count(name, 0);
  }
  double number(const char* name, double otherwise) const {
    return at<double>(name, otherwise, "a number");
  }
  bool flag(const char* name, bool otherwise) const {
    return at<bool>(name, otherwise, "True or False");
  }
  std::string text(const char* name, const char* otherwise) const {
    return at<std::string>(name, otherwise, "a string");
  }

 private:
  const py::dict& given_;
  const char* within_;  // what the fields are of, with a point
};

models::RopeScaling scaling_from(const py::dict& config) {
  models::RopeScaling s;
  if (!config.contains("rope_scaling") || py::object(config["rope_scaling"]).is_none()) return s;
  const py::object value = config["rope_scaling"];
  if (!py::isinstance<py::dict>(value)) {
    fail<TypeError>("GPT config: rope_scaling must be a RopeScaling or None, got ",
                    std::string(py::str(py::repr(value))));
  }
  const auto given = py::reinterpret_borrow<py::dict>(value);
  const Fields f(given, "rope_scaling.");
  s.kind = models::rope_scaling_from_name(f.text("kind", "none"));
  s.factor = f.number("factor", s.factor);
  s.low = f.number("low", s.low), s.high = f.number("high", s.high);
  s.length = f.count("length", s.length);
  return s;
}

GptConfig config_from(const py::dict& given) {
  const Fields f(given);
  GptConfig c;
  c.vocabulary = f.count("vocabulary", 0), c.width = f.count("width", 0);
  c.layers = f.count("layers", 0), c.heads = f.count("heads", 0);
  c.kv_heads = f.derived("kv_heads"), c.head_size = f.derived("head_size");
  c.hidden = f.derived("hidden"), c.max_length = f.count("max_length", c.max_length);
  c.norm = models::gpt_norm_from_name(f.text("norm", "layer"));
  c.positions = models::gpt_positions_from_name(f.text("positions", "learned"));
  c.rope_theta = f.number("rope_theta", c.rope_theta), c.rope_scaling = scaling_from(given);
  c.activation = models::gpt_activation_from_name(f.text("activation", "gelu_tanh"));
  c.gated = f.flag("gated", c.gated), c.tied = f.flag("tied", c.tied);
  c.eps = f.number("eps", c.eps);
  return models::completed(c);
}

// As floats, with an error that names the array; None is one that the model does without.
Array weight_from(const std::string& name, py::handle array) {
  try {
    return optional_floats(array);
  } catch (const ValueError& e) {
    fail<ValueError>("GPT: ", name, ": ", e.what());
  } catch (const TypeError& e) {
    fail<TypeError>("GPT: ", name, ": ", e.what());
  }
}

models::GptModel model_from(const py::dict& weights, const GptConfig& config) {
  std::map<std::string, Array> arrays;
  for (const auto& [key, array] : weights) {
    const auto name = py::cast<std::string>(py::str(key));
    arrays[name] = weight_from(name, array);
  }
  return models::gpt_from_arrays(config, arrays);
}

py::dict shapes_of(const GptConfig& config) {
  models::GptModel m;
  m.config = config;
  m.blocks.resize(static_cast<std::size_t>(config.layers));
  py::dict shapes;
  for (const models::GptArray& a : arrays_of(m)) {
    if (a.need == models::GptArray::Need::absent) continue;
    py::tuple shape(a.shape.size());
    for (int d = 0; d < a.shape.size(); ++d) shape[static_cast<std::size_t>(d)] = a.shape[d];
    const bool required = a.need == models::GptArray::Need::required;
    shapes[py::str(a.name)] = py::make_tuple(shape, required);
  }
  return shapes;
}

void bind_config(py::module_& m) {
  m.def(
      "gpt_config",
      [](const py::dict& config) {
        const GptConfig c = config_from(config);
        py::dict numbers;
        numbers["vocabulary"] = c.vocabulary, numbers["width"] = c.width;
        numbers["layers"] = c.layers, numbers["heads"] = c.heads;
        numbers["kv_heads"] = c.kv_heads, numbers["head_size"] = c.head_size;
        numbers["hidden"] = c.hidden, numbers["max_length"] = c.max_length;
        numbers["rope_theta"] = c.rope_theta, numbers["eps"] = c.eps;
        return numbers;
      },
      py::arg("config"), "Checks a config; its numbers, with those that follow from others.");
  m.def(
      "rotary_frequencies",
      [](const py::dict& config) { return models::rotary_frequencies(config_from(config)); },
      py::arg("config"), "Radians per position of each pair of a head, as a list.");
  m.def(
      "gpt_shapes", [](const py::dict& config) { return shapes_of(config_from(config)); },
      py::arg("config"), "Of each array that a model may have: its shape, and whether it must.");
}

// Tokens that nobody else can change.
Array tokens_from(py::handle object) {
  const Array tokens = from_object(object, DType::i64).copy();
  if (tokens.ndim() != 1) {
    fail<ShapeError>("the tokens of a sequence must have shape (count,), got ",
                     to_string(tokens.shape()));
  }
  return tokens;
}

// How many logits of each of `count` inputs are wanted: None is one each.
std::vector<index_t> wanted_from(py::handle object, std::size_t count) {
  if (object.is_none()) return std::vector<index_t>(count, 1);
  const Array given = from_object(object, DType::i64).contiguous();
  if (given.ndim() == 0) return std::vector<index_t>(count, given.data<std::int64_t>()[0]);
  if (!(given.shape() == Shape{static_cast<index_t>(count)})) {
    fail<ShapeError>("wanted must be a number or one per sequence, (", count, ",), got shape ",
                     to_string(given.shape()));
  }
  return {given.data<std::int64_t>(), given.data<std::int64_t>() + count};
}

py::array append(const GptSession& self, const py::sequence& sequences, const py::sequence& tokens,
                 py::handle wanted) {
  if (sequences.size() != tokens.size()) {
    fail<ValueError>("append wants as many lists of tokens as sequences, got ", tokens.size(),
                     " for ", sequences.size());
  }
  const py::list held(sequences);  // the caller's may change meanwhile
  const std::vector<index_t> rows = wanted_from(wanted, held.size());
  std::vector<runtime::GptInput> inputs;
  std::vector<Array> kept;
  index_t total = 0;
  for (std::size_t i = 0; i < held.size(); ++i) {
    if (!py::isinstance<GptSequence>(held[i])) {
      fail<TypeError>("append wants sequences made by sequence(), got ",
                      std::string(py::str(py::type::of(held[i]))));
    }
    kept.push_back(tokens_from(py::object(tokens[i])));
    const index_t count = kept.back().size();
    inputs.push_back({py::cast<GptSequence*>(py::object(held[i])), kept.back().data<std::int64_t>(),
                      count, rows[i]});
    total += std::clamp(rows[i], index_t{0}, count);  // others are refused
  }
  const Array logits = Array::empty({total, self.vocabulary()});
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
      .def("truncate", &GptSequence::truncate, py::arg("length"))
      .def("copy_prefix", &GptSequence::copy_prefix, py::arg("other").none(false),
           py::arg("length"));
  bind_config(m);
  py::class_<GptSession>(m, "GptSession", "Inference with a GPT whose weights are packed once.")
      .def(
          py::init([](const py::dict& weights, const py::dict& config, const std::string& precision,
                      const std::string& head, const std::string& cache) {
            const runtime::GptFormats formats{runtime::precision_from_name(precision),
                                              runtime::precision_from_name(head),
                                              cache_from_name(cache)};
            models::GptModel model = model_from(weights, config_from(config));
            const ReleaseGil release;
            return std::make_unique<GptSession>(std::move(model), formats);
          }),
          py::arg("weights"), py::arg("config"), py::arg("precision"), py::arg("head"),
          py::arg("cache"))
      .def_property_readonly("vocabulary", &GptSession::vocabulary)
      .def_property_readonly("max_length", &GptSession::max_length)
      .def_property_readonly(
          "precision",
          [](const GptSession& self) { return std::string(name_of(self.formats().weights)); })
      .def_property_readonly("nbytes", &GptSession::stored_bytes)
      .def("sequence", &GptSession::make_sequence, py::arg("capacity"))
      .def("append", &append, py::arg("sequences"), py::arg("tokens"),
           py::arg("wanted") = py::none())
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
