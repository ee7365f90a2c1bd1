// tinytorch._core.text: tokenizers.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <mutex>

#include "gil.hpp"
#include "tinytorch/base/error.hpp"
#include "tinytorch/text/bpe_model.hpp"
#include "tinytorch/text/bpe_trainer.hpp"
#include "tinytorch/text/character_model.hpp"
#include "tinytorch/text/tokenizer_file.hpp"
#include "tinytorch/text/utf8.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

using text::AddedToken;
using text::BpeModel;
using text::BpeTrainer;
using text::CharacterModel;
using text::EncodeOptions;
using text::PreTokenizer;
using text::SplitPattern;
using text::Tokenizer;
using Ids = py::array_t<std::int64_t, py::array::c_style>;

constexpr std::size_t kReleaseAboveBytes = 1000;

// Threads take turns.
struct SharedTrainer {
  BpeTrainer trainer;
  std::mutex turn;
};

// Bytes do not change, so they may be read without the interpreter's lock while they are held.
std::string_view view(const py::bytes& data) {
  return {PyBytes_AS_STRING(data.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(data.ptr()))};
}

std::vector<std::string_view> views(const std::vector<py::bytes>& texts) {
  std::vector<std::string_view> made;
  for (const py::bytes& t : texts) made.push_back(view(t));
  return made;
}

Ids array_of(const std::vector<std::int64_t>& ids) {
  return Ids(static_cast<py::ssize_t>(ids.size()), ids.data());
}

Ids encode(const Tokenizer& self, const py::bytes& data, bool added_tokens, bool frame) {
  const std::string_view bytes = view(data);
  std::vector<std::int64_t> ids;
  {
    const ReleaseGil release(bytes.size() > kReleaseAboveBytes);
    ids = self.encode(bytes, EncodeOptions{added_tokens, frame});
  }
  return array_of(ids);
}

std::vector<Ids> encode_many(const Tokenizer& self, const std::vector<py::bytes>& texts,
                             bool added_tokens, bool frame) {
  const auto seen = views(texts);
  std::vector<std::vector<std::int64_t>> ids;
  {
    const ReleaseGil release;
    ids = self.encode(seen, EncodeOptions{added_tokens, frame});
  }
  std::vector<Ids> made;
  for (const auto& one : ids) made.push_back(array_of(one));
  return made;
}

py::bytes decode(const Tokenizer& self, const py::array& given, bool skip_special) {
  if (!py::isinstance<Ids>(given) || given.ndim() != 1) {
    fail<TypeError>("ids must be an array of int64 with one dimension, contiguous");
  }
  const auto ids = py::reinterpret_borrow<Ids>(given);
  return py::bytes(self.decode({ids.data(), static_cast<std::size_t>(ids.size())}, skip_special));
}

std::string kind_of(const Tokenizer& self) {
  return dynamic_cast<const BpeModel*>(&self.model()) != nullptr ? "bytes" : "characters";
}

std::optional<std::int64_t> unknown_of(const Tokenizer& self) {
  const auto* bpe = dynamic_cast<const BpeModel*>(&self.model());
  const std::int32_t id = bpe != nullptr
                              ? bpe->data().unknown
                              : dynamic_cast<const CharacterModel&>(self.model()).data().unknown;
  if (id < 0) return std::nullopt;
  return id;
}

std::vector<py::bytes> pieces(const Tokenizer& self, const py::bytes& data) {
  const auto* bpe = dynamic_cast<const BpeModel*>(&self.model());
  if (bpe == nullptr) fail<ValueError>("a tokenizer of characters has no words");
  std::vector<py::bytes> made;
  std::string text(view(data));
  if (bpe->pre_tokenizer().prefix_space && !text.empty() && text[0] != ' ') text.insert(0, 1, ' ');
  text::for_each_piece(bpe->pre_tokenizer(), text, [&](std::string_view piece) {
    made.emplace_back(piece.data(), piece.size());
  });
  return made;
}

std::vector<std::tuple<std::int64_t, std::string, bool>> added_of(const Tokenizer& self) {
  std::vector<std::tuple<std::int64_t, std::string, bool>> made;
  for (const AddedToken& t : self.added().all()) made.emplace_back(t.id, t.content, t.special);
  return made;
}

PreTokenizer pre_tokenizer_from(const std::string& pattern, bool single_digits, bool prefix_space) {
  PreTokenizer how{SplitPattern::gpt2, single_digits, prefix_space};
  if (pattern == "llama3") {
    how.pattern = SplitPattern::llama3;
  } else if (pattern != "gpt2") {
    fail<ValueError>("unknown pattern '", pattern, "'; use gpt2 or llama3");
  }
  if (prefix_space && (single_digits || pattern != "gpt2")) {
    fail<ValueError>("prefix_space goes with the pattern gpt2 and no single_digits");
  }
  return how;
}

std::unique_ptr<Tokenizer> characters(const std::vector<py::bytes>& texts,
                                      const std::optional<std::string>& unknown,
                                      const std::vector<std::string>& special) {
  const auto seen = views(texts);
  text::CharacterData data;
  {
    const ReleaseGil release;
    data.tokens = text::characters_of(seen);
  }
  std::vector<AddedToken> added;
  const auto add = [&](const std::string& name) {
    const auto id = static_cast<std::int64_t>(data.tokens.size());
    added.push_back({id, name});
    data.tokens.push_back(name);
    return static_cast<std::int32_t>(id);
  };
  if (unknown) data.unknown = add(*unknown);
  for (const std::string& name : special) add(name);
  return std::make_unique<Tokenizer>(std::make_unique<CharacterModel>(std::move(data)),
                                     std::move(added));
}

std::unique_ptr<Tokenizer> parse(const py::bytes& json, const std::string& what) {
  const std::string_view seen = view(json);
  const ReleaseGil release;
  return text::parse_tokenizer(seen, what);
}

// The paths are bytes, as the system has them.
std::unique_ptr<Tokenizer> load_gpt2(const py::bytes& vocab, const py::bytes& merges,
                                     const std::vector<std::string>& special) {
  const std::string vocab_path(view(vocab)), merges_path(view(merges));
  const ReleaseGil release;
  return text::load_gpt2_files(vocab_path, merges_path, special);
}

void bind_tokenizer(py::module_& m) {
  py::class_<Tokenizer>(m, "Tokenizer", "Bytes of text to token ids and back; immutable.")
      .def("encode", &encode, py::arg("data"), py::arg("added_tokens") = true,
           py::arg("frame") = false)
      .def("encode_many", &encode_many, py::arg("texts"), py::arg("added_tokens") = true,
           py::arg("frame") = false)
      .def("decode", &decode, py::arg("ids"), py::arg("skip_special") = false)
      .def_property_readonly("vocabulary_size", &Tokenizer::vocabulary_size)
      .def_property_readonly("kind", &kind_of, "'bytes' or 'characters'")
      .def_property_readonly("unknown_id", &unknown_of)
      .def_property_readonly("added_tokens", &added_of, "(id, name, special)")
      .def_property_readonly("begin_ids", [](const Tokenizer& self) { return self.frame().begin; })
      .def_property_readonly("end_ids", [](const Tokenizer& self) { return self.frame().end; })
      .def(
          "token",
          [](const Tokenizer& self, std::int64_t id) {
            return py::bytes(std::string(self.token(id)));
          },
          py::arg("id"), "The bytes of a token; empty if no token has this id.")
      .def(
          "find",
          [](const Tokenizer& self, const py::bytes& data) { return self.find(view(data)); },
          py::arg("data"))
      .def("pieces", &pieces, py::arg("data"), "What the pre-tokenizer makes of the data.")
      .def("to_json", [](const Tokenizer& self) { return text::to_json(self); })
      .def_static("parse", &parse, py::arg("data"), py::arg("what") = "tokenizer.json")
      .def_static(
          "load", [](const std::string& path) { return text::load_tokenizer(path); },
          py::arg("path"), py::call_guard<ReleaseGil>())
      .def_static("load_gpt2", &load_gpt2, py::arg("vocab"), py::arg("merges"), py::arg("special"))
      .def_static("characters", &characters, py::arg("texts"), py::arg("unknown"),
                  py::arg("special"), "Ids by code point, then `unknown` and `special`.");
}

}  // namespace

void bind_text(py::module_& parent) {
  py::module_ m = parent.def_submodule("text", "Tokenizers.");
  bind_tokenizer(m);
  py::class_<SharedTrainer>(m, "BpeTrainer", "Learns byte-pair merges from what it is fed.")
      .def(py::init([](const std::string& pattern, bool single_digits, bool prefix_space) {
             const PreTokenizer how = pre_tokenizer_from(pattern, single_digits, prefix_space);
             return std::unique_ptr<SharedTrainer>(new SharedTrainer{BpeTrainer(how), {}});
           }),
           py::arg("pattern") = "gpt2", py::arg("single_digits") = false,
           py::arg("prefix_space") = false)
      .def(
          "feed",
          [](SharedTrainer& self, const py::bytes& data) {
            const std::string_view seen = view(data);
            const ReleaseGil release;
            const std::lock_guard lock(self.turn);
            self.trainer.feed(seen);
          },
          py::arg("data"))
      .def(
          "train",
          [](SharedTrainer& self, std::int64_t vocabulary_size, std::int64_t min_frequency,
             std::vector<std::string> special) {
            const ReleaseGil release;
            const std::lock_guard lock(self.turn);
            return self.trainer.train({vocabulary_size, min_frequency, std::move(special)});
          },
          py::arg("vocabulary_size"), py::arg("min_frequency"), py::arg("special"));
  py::class_<text::Utf8Stream>(m, "Utf8Stream", "Whole characters of bytes that come in pieces.")
      .def(py::init<>())
      .def(
          "feed",
          [](text::Utf8Stream& self, const py::bytes& data) { return self.feed(view(data)); },
          py::arg("data"))
      .def("finish", &text::Utf8Stream::finish);
}

}  // namespace tt::bindings
