#include "tinytorch/text/character_model.hpp"

#include "tinytorch/base/error.hpp"
#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/io/json_text.hpp"
#include "tinytorch/text/utf8.hpp"

namespace tt::text {
namespace {

constexpr int kPollEvery = 1 << 16;  // characters between two looks at Ctrl-C

[[noreturn]] void refuse_bytes(std::string_view text, std::size_t at) {
  fail<ValueError>("the text is not UTF-8: ", io::quoted(text.substr(at, 4)), " at byte ", at);
}

}  // namespace

CharacterModel::CharacterModel(CharacterData data)
    : data_(std::move(data)), by_bytes_(data_.tokens.size()) {
  if (std::ssize(data_.tokens) > kMaxTokens) {
    fail<FormatError>("a vocabulary of ", data_.tokens.size(), " ids; at most ", kMaxTokens,
                      " are allowed");
  }
  ascii_.fill(-1);
  for (const std::string& token : data_.tokens) bytes_.append(token);
  for (std::int64_t id = 0; id < size(); ++id) {
    const std::string_view token = bytes_[id];
    if (token.empty()) continue;
    if (!by_bytes_.insert(token, static_cast<std::uint64_t>(id)).second) {
      fail<FormatError>("the token ", io::quoted(token), " occurs twice in the vocabulary");
    }
    const Utf8Char c = utf8_at(token, 0);
    if (c.length < token.size() || c.code == kMalformed) continue;
    if (c.code < 128) {
      ascii_[c.code] = static_cast<std::int32_t>(id);
    } else {
      others_.insert(c.code, static_cast<std::uint64_t>(id));
    }
  }
}

std::int32_t CharacterModel::id_of(char32_t code) const {
  if (code < 128) return ascii_[code];
  const std::uint64_t* found = others_.find(code);
  return found == nullptr ? -1 : static_cast<std::int32_t>(*found);
}

std::optional<std::int64_t> CharacterModel::find(std::string_view bytes) const {
  const std::uint64_t* found = by_bytes_.find(bytes);
  if (found == nullptr) return std::nullopt;
  return static_cast<std::int64_t>(*found);
}

void CharacterModel::encode(std::string_view text, Work&, std::vector<std::int64_t>& ids) const {
  bool fusing = false;
  int characters = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (++characters % kPollEvery == 0) stop_if_interrupted();
    const Utf8Char c = utf8_at(text, at);
    const std::int32_t id = id_of(c.code);
    if (id < 0 && data_.unknown < 0) {
      if (c.code == kMalformed) refuse_bytes(text, at);
      fail<ValueError>("the character '", text.substr(at, c.length), "' (code point ",
                       static_cast<std::uint32_t>(c.code), ", at byte ", at,
                       ") is not in the vocabulary of ", by_bytes_.size(),
                       " tokens; make the tokenizer of text that has it, or with a token for what "
                       "is unknown");
    }
    const bool fused = id < 0 && fusing && data_.fuse_unknown;
    if (!fused) ids.push_back(id < 0 ? data_.unknown : id);
    fusing = id < 0;
    at += c.length;
  }
}

std::vector<std::string> characters_of(const std::vector<std::string_view>& texts) {
  std::vector<bool> seen(0x110000);
  for (const std::string_view text : texts) {
    for (std::size_t at = 0; at < text.size();) {
      const Utf8Char c = utf8_at(text, at);
      if (c.code == kMalformed) refuse_bytes(text, at);
      seen[c.code] = true;
      at += c.length;
    }
  }
  std::vector<std::string> tokens;
  for (char32_t code = 0; code < seen.size(); ++code) {
    if (seen[code]) append_utf8(tokens.emplace_back(), code);
  }
  return tokens;
}

}  // namespace tt::text
