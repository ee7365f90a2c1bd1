// Text to token ids and back.
//
// A tokenizer does not change after it was made, and threads may share it. encode() and decode()
// are inverse to each other for any text, unless the tokenizer has a token for what is unknown,
// puts a space before text, or has added tokens that take spaces along.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tinytorch/text/added_tokens.hpp"
#include "tinytorch/text/model.hpp"

namespace tt::text {

// Ids that a text as a whole may get: a post-processor of type TemplateProcessing in files.
struct Frame {
  std::vector<std::int64_t> begin, end;
};

struct EncodeOptions {
  bool added_tokens = true;  // names of added tokens in the text are these tokens
  bool frame = false;        // with the ids of the frame around it
};

class Tokenizer {
 public:
  // `kept` is JSON text by key, which the tokenizer's file shall have: what other programs want
  // from it. FormatError for added tokens that the model's vocabulary contradicts.
  Tokenizer(std::unique_ptr<const Model> model, std::vector<AddedToken> added, Frame frame = {},
            std::map<std::string, std::string> kept = {});

  // ValueError for more than 2^31 - 1 bytes, or what has no id. Any bytes are text.
  std::vector<std::int64_t> encode(std::string_view text, EncodeOptions options = {}) const;

  // The same for each of the texts, in parallel.
  std::vector<std::vector<std::int64_t>> encode(const std::vector<std::string_view>& texts,
                                                EncodeOptions options = {}) const;

  // The bytes of the tokens, one after the other; UTF-8 only where the tokens make it that.
  // ValueError for an id that no token has.
  std::string decode(std::span<const std::int64_t> ids, bool skip_special = false) const;

  // Above every id: the rows that a table of embeddings needs. Not every id needs to be in use.
  std::int64_t vocabulary_size() const { return size_; }

  // The bytes of a token; empty if no token has this id.
  std::string_view token(std::int64_t id) const;
  bool special(std::int64_t id) const;
  // The id of an added token by its name, or of any token by its bytes.
  std::optional<std::int64_t> find(std::string_view token) const;

  const Model& model() const { return *model_; }
  const AddedTokens& added() const { return added_; }
  const Frame& frame() const { return frame_; }
  const std::map<std::string, std::string>& kept() const { return kept_; }

 private:
  void encode(std::string_view text, EncodeOptions options, Work& work,
              std::vector<std::int64_t>& ids) const;
  void check_added() const;

  std::unique_ptr<const Model> model_;
  AddedTokens added_;
  Frame frame_;
  std::map<std::string, std::string> kept_;
  std::int64_t size_;
};

}  // namespace tt::text
