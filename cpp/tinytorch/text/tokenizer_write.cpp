#include "tinytorch/text/bpe_model.hpp"
#include "tinytorch/text/character_model.hpp"
#include "tinytorch/text/json_members.hpp"
#include "tinytorch/text/pre_tokenizer_json.hpp"
#include "tinytorch/text/tokenizer_file.hpp"

namespace tt::text {
namespace {

// Appends without looking for the key, which is new: large objects would be quadratic.
Json& add(Json& object, std::string key) { return capstone::append_member(object, std::move(key)); }

Json added_json(const AddedToken& token) {
  return {{"id", token.id},
          {"content", token.content},
          {"single_word", false},
          {"lstrip", token.strip_left},
          {"rstrip", token.strip_right},
          {"normalized", token.normalized},
          {"special", token.special}};
}

// The members of a model of type BPE but for its merges.
Json model_json(const std::vector<std::string>& tokens, std::int32_t unknown, bool fuse_unknown,
                bool ignore_merges) {
  Json model = {{"type", "BPE"},
                {"dropout", nullptr},
                {"unk_token", nullptr},
                {"continuing_subword_prefix", nullptr},
                {"end_of_word_suffix", nullptr},
                {"fuse_unk", fuse_unknown},
                {"byte_fallback", false},
                {"ignore_merges", ignore_merges},
                {"vocab", Json::object()}};
  if (unknown >= 0) model["unk_token"] = tokens[static_cast<std::size_t>(unknown)];
  Json& vocab = model["vocab"];
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (!tokens[id].empty()) add(vocab, tokens[id]) = id;
  }
  return model;
}

struct ModelJson {
  Json model, pre_tokenizer, decoder;
};

ModelJson json_of(const BpeModel& model) {
  const BpeData& data = model.data();
  ModelJson made;
  made.model = model_json(data.tokens, data.unknown, data.fuse_unknown, data.ignore_merges);
  Json& merges = made.model["merges"] = Json::array();
  for (const auto& [left, right] : data.merges) {
    merges.push_back(Json::array({model.name(left), model.name(right)}));
  }
  made.pre_tokenizer = to_json(model.pre_tokenizer());
  made.decoder = {{"type", "ByteLevel"},
                  {"add_prefix_space", true},
                  {"trim_offsets", true},
                  {"use_regex", true}};
  return made;
}

ModelJson json_of(const CharacterModel& model) {
  const CharacterData& data = model.data();
  ModelJson made;
  made.model = model_json(data.tokens, data.unknown, data.fuse_unknown, false);
  made.model["merges"] = Json::array();
  made.decoder = {{"type", "Fuse"}};
  return made;
}

}  // namespace

std::string to_json(const Tokenizer& tokenizer) {
  const auto* bpe = dynamic_cast<const BpeModel*>(&tokenizer.model());
  ModelJson made = bpe != nullptr ? json_of(*bpe)
                                  : json_of(dynamic_cast<const CharacterModel&>(tokenizer.model()));
  const auto kept = [&](const char* key, Json otherwise) {
    const auto found = tokenizer.kept().find(key);
    return found == tokenizer.kept().end() ? otherwise : Json::parse(found->second);
  };
  Json added = Json::array();
  for (const AddedToken& token : tokenizer.added().all()) added.push_back(added_json(token));
  Json file = {{"version", "1.0"},
               {"truncation", kept("truncation", nullptr)},
               {"padding", kept("padding", nullptr)},
               {"added_tokens", std::move(added)},
               {"normalizer", nullptr},
               {"pre_tokenizer", kept("pre_tokenizer", std::move(made.pre_tokenizer))},
               {"post_processor", kept("post_processor", nullptr)},
               {"decoder", kept("decoder", std::move(made.decoder))}};
  add(file, "model") = std::move(made.model);
  return capstone::to_text(file);
}

}  // namespace tt::text
