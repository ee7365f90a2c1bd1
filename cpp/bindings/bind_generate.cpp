// tinytorch._core.runtime: sampling, and generation with many requests.
#include <pybind11/stl.h>

#include <cstring>

#include "errors.hpp"
#include "layer_binding.hpp"
#include "tinytorch/runtime/generate/generator.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

using runtime::Distribution;
using runtime::GenerationOptions;
using runtime::GptGenerator;
using runtime::GptRequest;
using runtime::GptSession;
using runtime::SamplingOptions;
using runtime::SeenTokens;
using runtime::TokenIds;

template <class T>
py::array copied(const std::vector<T>& values) {
  return to_numpy(Array::from<T>(values, {static_cast<index_t>(values.size())}));
}

TokenIds ids_from(py::handle object) {
  const Array ids = from_object(object, DType::i64).contiguous();
  if (ids.ndim() != 1) {
    fail<ShapeError>("tokens must have shape (count,), got ", to_string(ids.shape()));
  }
  return {ids.data<std::int64_t>(), ids.data<std::int64_t>() + ids.size()};
}

SamplingOptions sampling_from(double temperature, index_t top_k, double top_p, double min_p,
                              double repetition_penalty,
                              const std::map<std::int64_t, float>& logit_bias, std::uint64_t seed) {
  SamplingOptions o{
      temperature, top_k, top_p, min_p, repetition_penalty, {logit_bias.begin(), logit_bias.end()},
      seed};
  check(o);
  return o;
}

// The distribution after `tokens`, of a row of logits (vocabulary,).
Distribution distribution(const SamplingOptions& o, py::handle logits, py::handle tokens) {
  const Array row = floats_of(logits).copy();
  if (row.ndim() != 1 || row.size() < 1) {
    fail<ShapeError>("logits must have shape (vocabulary,), got ", to_string(row.shape()));
  }
  const index_t vocabulary = row.size();
  check_tokens(o, vocabulary);
  SeenTokens seen(vocabulary, 0);
  for (const std::int64_t t : ids_from(tokens)) {
    if (t < 0 || t >= vocabulary) {
      fail<ValueError>("tokens must be in [0, ", vocabulary, "), got ", t);
    }
    seen.add(t);
  }
  if (o.repetition_penalty != 1.0) seen.penalize(row.data<float>(), o.repetition_penalty);
  add_bias(row.data<float>(), o);
  Distribution d;
  d.set(row.data<float>(), vocabulary, o);
  return d;
}

py::array probabilities(const SamplingOptions& o, py::handle logits, py::handle tokens) {
  const Distribution d = distribution(o, logits, tokens);
  std::vector<double> p(static_cast<std::size_t>(d.vocabulary()));
  for (std::size_t t = 0; t < p.size(); ++t) p[t] = d.probability(static_cast<index_t>(t));
  return copied(p);
}

// A Python callable that changes an array of logits in place. It gets copies: what it keeps does
// not change or vanish later.
runtime::Constraint constraint_from(const py::object& function) {
  if (function.is_none()) return {};
  const auto held = std::make_shared<PyRef>(function);
  return [held](const std::int64_t* tokens, index_t count, float* logits, index_t vocabulary) {
    const AcquireGil gil;
    const Array text = Array::empty({count}, DType::i64), row = Array::empty({vocabulary});
    std::copy_n(tokens, count, text.data<std::int64_t>());
    std::copy_n(logits, vocabulary, row.data<float>());
    const py::object result = held->get()(to_numpy(text), to_numpy(row));
    if (!result.is_none()) {
      fail<TypeError>("a constraint changes the logits in place and returns None; it returned ",
                      std::string(py::str(py::type::of(result))));
    }
    std::copy_n(row.data<float>(), vocabulary, logits);
  };
}

runtime::TokenBytes bytes_from(const py::object& function) {
  if (function.is_none()) return {};
  const auto held = std::make_shared<PyRef>(function);
  return [held](std::int64_t token) {
    const AcquireGil gil;
    const py::object text = held->get()(py::make_tuple(token));
    if (!py::isinstance<py::bytes>(text)) {
      fail<TypeError>("decode_bytes must return bytes, got ",
                      std::string(py::str(py::type::of(text))));
    }
    return py::cast<std::string>(text);
  };
}

runtime::Draft draft_from(const std::string& name) {
  if (name.empty()) return runtime::Draft::none;
  if (name == "draft") return runtime::Draft::model;
  if (name == "lookup") return runtime::Draft::lookup;
  fail<ValueError>("unknown way to speculate '", name, "'; use 'draft' or 'lookup', or None");
}

std::shared_ptr<GptRequest> submit(GptGenerator& self, py::handle prompt,
                                   const SamplingOptions& sampling, index_t max_new_tokens,
                                   const std::vector<TokenIds>& stop_tokens,
                                   const std::vector<py::bytes>& stop_text,
                                   const py::object& constraint, const std::string& speculate,
                                   index_t draft_tokens, index_t ngram) {
  GenerationOptions o;
  o.sampling = sampling;
  o.max_new_tokens = max_new_tokens;
  o.stop_tokens = stop_tokens, o.stop_text = {stop_text.begin(), stop_text.end()};
  o.constraint = constraint_from(constraint);
  o.draft = draft_from(speculate), o.draft_tokens = draft_tokens, o.ngram = ngram;
  return self.submit(ids_from(prompt), std::move(o));
}

py::dict status_of(const GptRequest& self) {
  const GptRequest::Status s = self.status();
  py::dict d;
  d["finish"] = name_of(s.finish);
  d["tokens"] = s.tokens, d["text"] = s.text;
  d["token_stop"] = s.token_stop, d["text_stop"] = s.text_stop;
  d["cached"] = s.cached, d["drafted"] = s.drafted, d["accepted"] = s.accepted;
  d["admitted"] = s.admitted, d["finished"] = s.finished;
  return d;
}

// The exception that ended a request, as Python's; the request forgets it.
py::object take_error(GptRequest& self) {
  const std::exception_ptr error = self.error();
  if (!error) return py::none();
  self.forget_error();
  try {
    std::rethrow_exception(error);
  } catch (...) {
    set_python_error();
  }
  const py::error_already_set raised;
  return raised.value();
}

void bind_sampling(py::module_& m) {
  py::class_<SamplingOptions>(m, "SamplingOptions", "How a token is chosen from logits.")
      .def(py::init(&sampling_from), py::arg("temperature"), py::arg("top_k"), py::arg("top_p"),
           py::arg("min_p"), py::arg("repetition_penalty"), py::arg("logit_bias"), py::arg("seed"))
      .def("probabilities", &probabilities, py::arg("logits"), py::arg("tokens"))
      .def(
          "sample",
          [](const SamplingOptions& self, py::handle logits, py::handle tokens, index_t place) {
            const double u = uniform(self.seed, runtime::Draw::token, place);
            return distribution(self, logits, tokens).draw(u);
          },
          py::arg("logits"), py::arg("tokens"), py::arg("place"));
}

void bind_request(py::module_& m) {
  py::class_<GptRequest, std::shared_ptr<GptRequest>>(m, "GptRequest", "A text to generate.")
      .def_property_readonly("id", &GptRequest::id)
      .def_property_readonly("prompt_length", &GptRequest::prompt_length)
      .def_property_readonly("finished", &GptRequest::finished)
      .def("status", &status_of)
      .def(
          "tokens",
          [](const GptRequest& self, index_t first) { return copied(self.tokens(first)); },
          py::arg("first") = 0)
      .def(
          "text", [](const GptRequest& self, index_t first) { return py::bytes(self.text(first)); },
          py::arg("first") = 0)
      .def("times", [](const GptRequest& self) { return copied(self.times()); })
      .def("take_error", &take_error);
}

}  // namespace

void bind_generate(py::module_& parent) {
  py::module_ m = parent.def_submodule("runtime", "Inference sessions with a plan made once.");
  bind_sampling(m);
  bind_request(m);
  py::class_<GptGenerator>(m, "GptGenerator", "Generation for many requests at once.")
      .def(py::init([](const GptSession& session, index_t max_running, index_t kept,
                       index_t capacity, index_t prompt_tokens, bool share_prefixes,
                       const GptSession* draft, const py::object& bytes_of) {
             return std::make_unique<GptGenerator>(
                 session,
                 runtime::GeneratorOptions{max_running, kept, capacity, prompt_tokens,
                                           share_prefixes},
                 draft, bytes_from(bytes_of));
           }),
           py::arg("session"), py::arg("max_running"), py::arg("kept"), py::arg("capacity"),
           py::arg("prompt_tokens"), py::arg("share_prefixes"), py::arg("draft") = py::none(),
           py::arg("bytes_of") = py::none(), py::keep_alive<1, 2>(), py::keep_alive<1, 8>())
      .def("submit", &submit, py::arg("prompt"), py::arg("sampling"), py::arg("max_new_tokens"),
           py::arg("stop_tokens"), py::arg("stop_text"), py::arg("constraint"),
           py::arg("speculate"), py::arg("draft_tokens"), py::arg("ngram"))
      .def("cancel", &GptGenerator::cancel, py::arg("id"), py::call_guard<ReleaseGil>())
      .def(
          "step", [](GptGenerator& self) { return self.step(); }, py::call_guard<ReleaseGil>())
      .def("close", &GptGenerator::close, py::call_guard<ReleaseGil>())
      .def_property_readonly("running", &GptGenerator::running)
      .def_property_readonly("waiting", &GptGenerator::waiting)
      .def_property_readonly("capacity", &GptGenerator::capacity)
      .def_property_readonly("cache_nbytes", &GptGenerator::cache_bytes);
}

}  // namespace tt::bindings
