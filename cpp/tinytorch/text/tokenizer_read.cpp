#include <algorithm>
#include <array>

#include "tinytorch/base/error.hpp"
#include "tinytorch/io/json_text.hpp"
#include "tinytorch/io/mapped_file.hpp"
#include "tinytorch/text/bpe_model.hpp"
#include "tinytorch/text/character_model.hpp"
#include "tinytorch/text/json_members.hpp"
#include "tinytorch/text/pre_tokenizer_json.hpp"
#include "tinytorch/text/tokenizer_file.hpp"
#include "tinytorch/text/utf8.hpp"

namespace tt::text {
namespace {

using capstone::excerpt;
std::string read_file(const std::string& path) {
  const io::FileDescriptor file(path);
  if (file.size() > kMaxFileBytes) {
    fail<FormatError>("it has ", file.size(), " bytes; at most ", kMaxFileBytes, " are read");
  }
  std::string text(file.size(), '\0');
  file.read(0, reinterpret_cast<std::byte*>(text.data()), text.size());
  return text;
}

// Tokens by id, and ids by token.
struct Vocabulary {
  std::vector<std::string> tokens;
  BytesTable ids;

  std::optional<std::int32_t> find(std::string_view token) const {
    const std::uint64_t* found = ids.find(token);
    if (found == nullptr) return std::nullopt;
    return static_cast<std::int32_t>(*found);
  }
};

Vocabulary vocabulary_from(const Json& object) {
  if (!object.is_object()) fail<FormatError>("'vocab' must be an object, got ", excerpt(object));
  Vocabulary made{{}, BytesTable(object.size())};
  for (const auto& [token, value] : object.items()) {
    if (token.empty()) fail<FormatError>("the vocabulary has an empty token");
    const auto id = static_cast<std::size_t>(id_of(value, io::quoted(token).c_str()));
    if (id >= made.tokens.size()) made.tokens.resize(id + 1);
    if (!made.tokens[id].empty()) {
      fail<FormatError>("the tokens ", io::quoted(made.tokens[id]), " and ", io::quoted(token),
                        " have the same id ", id);
    }
    made.tokens[id] = token;
  }
  for (std::size_t id = 0; id < made.tokens.size(); ++id) {
    if (!made.tokens[id].empty()) made.ids.insert(made.tokens[id], id);
  }
  return made;
}

std::array<std::int32_t, 2> merge_of(const Vocabulary& vocabulary, std::string_view left,
                                     std::string_view right) {
  const auto a = vocabulary.find(left), b = vocabulary.find(right);
  if (!a || !b) {
    fail<FormatError>("the merge of ", io::quoted(left), " and ", io::quoted(right), ": ",
                      io::quoted(a ? right : left), " is not in the vocabulary");
  }
  return {*a, *b};
}

// "left right"
std::array<std::int32_t, 2> split_merge(const Vocabulary& vocabulary, std::string_view text) {
  const std::size_t space = text.find(' ');
  if (space == text.npos || text.find(' ', space + 1) != text.npos) {
    fail<FormatError>("a merge must be two tokens with a space between, got ", io::quoted(text));
  }
  return merge_of(vocabulary, text.substr(0, space), text.substr(space + 1));
}

std::array<std::int32_t, 2> merge_from(const Vocabulary& vocabulary, const Json& value) {
  if (value.is_string()) return split_merge(vocabulary, value.get_ref<const std::string&>());
  if (!value.is_array() || value.size() != 2) {
    fail<FormatError>("a merge must be two tokens, got ", excerpt(value));
  }
  return merge_of(vocabulary, text_of(value[0], "merge"), text_of(value[1], "merge"));
}

// Refuses what would change ids and is not supported: anything but null and `off`.
void must_be_off(const Json& object, const char* key, const Json& off = nullptr) {
  const Json* value = member(object, key);
  if (value == nullptr || *value == off) return;
  const Json* type = value->is_object() ? member(*value, "type") : nullptr;
  fail<FormatError>("'", key, "': ", excerpt(type != nullptr ? *type : *value),
                    " is not supported here; it must be null");
}

std::vector<AddedToken> added_from(const Json& file, const Vocabulary& vocabulary) {
  std::vector<AddedToken> made;
  const Json* list = member(file, "added_tokens");
  if (list == nullptr) return made;
  if (!list->is_array()) fail<FormatError>("'added_tokens' must be a list, got ", excerpt(*list));
  for (const Json& entry : *list) {
    AddedToken& token = made.emplace_back();
    token.content = required_text(entry, "content");
    token.id = id_of(required(entry, "id"), io::quoted(token.content).c_str());
    token.special = flag(entry, "special", false);
    token.normalized = flag(entry, "normalized", !token.special);
    token.strip_left = flag(entry, "lstrip", false);
    token.strip_right = flag(entry, "rstrip", false);
    must_be_off(entry, "single_word", false);
    if (const auto known = vocabulary.find(token.content); known && *known != token.id) {
      fail<FormatError>("added token ", io::quoted(token.content), " has the id ", token.id,
                        " and ", *known, " in the vocabulary");
    }
  }
  return made;
}

// The ids that a TemplateProcessing puts around a single text.
Frame frame_from(const Json& processor) {
  Frame frame;
  const Json& special = required(processor, "special_tokens");
  bool after = false;
  for (const Json& part : required_list(processor, "single")) {
    if (member(part, "Sequence") != nullptr) {
      if (after) fail<FormatError>("the post-processor repeats the text");
      after = true;
      continue;
    }
    const std::string& name = required_text(required(part, "SpecialToken"), "id");
    for (const Json& id : required_list(required(special, name.c_str()), "ids")) {
      (after ? frame.end : frame.begin).push_back(id_of(id, io::quoted(name).c_str()));
    }
  }
  if (!after) fail<FormatError>("the post-processor leaves the text out");
  return frame;
}

Frame frame_of(const Json& file) {
  const Json* processor = member(file, "post_processor");
  if (processor == nullptr) return {};
  const std::string& type = required_text(*processor, "type");
  const Json alone = Json::array({*processor});
  std::optional<Frame> frame;
  for (const Json& step : type == "Sequence" ? required_list(*processor, "processors") : alone) {
    const std::string& kind = required_text(step, "type");
    if (kind == "TemplateProcessing" && !frame) {
      frame = frame_from(step);
    } else if (kind != "ByteLevel") {  // which only moves offsets
      fail<FormatError>("the post-processor ", excerpt(step["type"]), " is not supported here; ",
                        "supported are ByteLevel and one TemplateProcessing");
    }
  }
  return frame.value_or(Frame());
}

void check_decoder(const Json& file, const char* expected) {
  const Json* decoder = member(file, "decoder");
  if (decoder == nullptr || required_text(*decoder, "type") == expected) return;
  fail<FormatError>("the decoder ", excerpt((*decoder)["type"]),
                    " is not supported here; expected ", expected);
}

class ModelReader {
 public:
  ModelReader(const Json& file, const Json& model, Vocabulary& vocabulary)
      : file_(file), model_(model), vocabulary_(vocabulary) {
    must_be_off(model, "dropout", 0.0);
    must_be_off(model, "continuing_subword_prefix", "");
    must_be_off(model, "end_of_word_suffix", "");
    must_be_off(model, "byte_fallback", false);
  }

  std::unique_ptr<const Model> read(const std::vector<AddedToken>& added) {
    const Json& merges = required_list(model_, "merges");
    const Json* pre_tokenizer = member(file_, "pre_tokenizer");
    const std::int32_t unknown = unknown_id();
    const bool fuse = flag(model_, "fuse_unk", false);
    if (pre_tokenizer == nullptr) {
      check_characters(merges, added, unknown);
      return std::make_unique<CharacterModel>(
          CharacterData{std::move(vocabulary_.tokens), unknown, fuse});
    }
    const PreTokenizer how = pre_tokenizer_from(*pre_tokenizer);
    check_decoder(file_, "ByteLevel");
    BpeData data;
    for (const Json& merge : merges) data.merges.push_back(merge_from(vocabulary_, merge));
    data.tokens = std::move(vocabulary_.tokens);
    data.unknown = unknown, data.fuse_unknown = fuse;
    data.ignore_merges = flag(model_, "ignore_merges", false);
    return std::make_unique<BpeModel>(std::move(data), how);
  }

 private:
  std::int32_t unknown_id() const {
    const Json* name = member(model_, "unk_token");
    if (name == nullptr) return -1;
    const auto id = vocabulary_.find(text_of(*name, "unk_token"));
    if (!id) fail<FormatError>("'unk_token' ", excerpt(*name), " is not in the vocabulary");
    return *id;
  }

  void check_characters(const Json& merges, const std::vector<AddedToken>& added,
                        std::int32_t unknown) const {
    if (!merges.empty()) {
      fail<FormatError>(
          "merges without a pre-tokenizer are not supported; a ByteLevel one, or one "
          "token per character and no merges");
    }
    check_decoder(file_, "Fuse");
    for (std::size_t id = 0; id < vocabulary_.tokens.size(); ++id) {
      const std::string& token = vocabulary_.tokens[id];
      if (token.empty() || static_cast<std::int32_t>(id) == unknown) continue;
      const bool named = std::any_of(added.begin(), added.end(), [&](const AddedToken& t) {
        return t.id == static_cast<std::int64_t>(id);
      });
      if (utf8_at(token, 0).length < token.size() && !named) {
        fail<FormatError>("without merges a token is one character, got ", io::quoted(token));
      }
    }
  }

  const Json& file_;
  const Json& model_;
  Vocabulary& vocabulary_;
};

std::unique_ptr<Tokenizer> tokenizer_from(const Json& file) {
  must_be_off(file, "normalizer");
  const Json& model = required(file, "model");
  const Json* type = member(model, "type");  // older files have none
  if (type != nullptr && *type != "BPE") {
    fail<FormatError>("the model ", excerpt(*type), " is not supported; supported is BPE");
  }
  Vocabulary vocabulary = vocabulary_from(required(model, "vocab"));
  std::vector<AddedToken> added = added_from(file, vocabulary);
  Frame frame = frame_of(file);
  std::map<std::string, std::string> kept;
  for (const char* key : {"truncation", "padding", "pre_tokenizer", "post_processor", "decoder"}) {
    if (const Json* value = member(file, key)) kept[key] = value->dump();
  }
  auto made = ModelReader(file, model, vocabulary).read(added);
  return std::make_unique<Tokenizer>(std::move(made), std::move(added), std::move(frame),
                                     std::move(kept));
}

std::vector<std::array<std::int32_t, 2>> merges_from(std::string_view text,
                                                     const Vocabulary& vocabulary) {
  std::vector<std::array<std::int32_t, 2>> merges;
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("#version")) continue;
    try {
      merges.push_back(split_merge(vocabulary, line));
    } catch (const FormatError& error) {
      fail<FormatError>("line ", number, ": ", error.what());
    }
  }
  return merges;
}

// What `read` gives; its errors of format begin with `what`.
template <class Read>
auto named(const std::string& what, Read&& read) {
  try {
    return read();
  } catch (const FormatError& error) {
    fail<FormatError>(what, ": ", error.what());
  }
}

}  // namespace

std::unique_ptr<Tokenizer> parse_tokenizer(std::string_view json, const std::string& what) {
  return named(what, [&] {
    if (json.size() > kMaxFileBytes) {
      fail<FormatError>("it has ", json.size(), " bytes; at most ", kMaxFileBytes, " are read");
    }
    return tokenizer_from(capstone::parse_json(json));
  });
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& path) {
  return named(path, [&] { return tokenizer_from(capstone::parse_json(read_file(path))); });
}

std::unique_ptr<Tokenizer> load_gpt2_files(const std::string& vocab_path,
                                           const std::string& merges_path,
                                           const std::vector<std::string>& special) {
  Vocabulary vocabulary;
  std::vector<AddedToken> added;
  named(vocab_path, [&] {
    vocabulary = vocabulary_from(capstone::parse_json(read_file(vocab_path)));
    for (const std::string& name : special) {
      const auto id = vocabulary.find(name);
      if (!id)
        fail<FormatError>("the special token ", io::quoted(name), " is not in the vocabulary");
      added.push_back({*id, name});
    }
  });
  return named(merges_path, [&] {
    BpeData data;
    data.merges = merges_from(read_file(merges_path), vocabulary);
    data.tokens = std::move(vocabulary.tokens);
    return std::make_unique<Tokenizer>(std::make_unique<BpeModel>(std::move(data), PreTokenizer{}),
                                       std::move(added));
  });
}

}  // namespace tt::text
