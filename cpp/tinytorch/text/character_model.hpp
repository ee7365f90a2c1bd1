// One id per character.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tinytorch/text/model.hpp"

namespace tt::text {

struct CharacterData {
  std::vector<std::string> tokens;  // by id; those of one code point are what text is made of
  std::int32_t unknown = -1;        // of any other character; -1: such text is refused
  bool fuse_unknown = false;        // neighbouring unknown characters are one
};

class CharacterModel final : public Model {
 public:
  // FormatError for a token that occurs twice.
  explicit CharacterModel(CharacterData data);

  void encode(std::string_view text, Work& work, std::vector<std::int64_t>& ids) const override;
  std::int64_t size() const override { return bytes_.size(); }
  std::string_view bytes(std::int64_t id) const override { return bytes_[id]; }
  std::string_view name(std::int64_t id) const override { return bytes_[id]; }
  std::optional<std::int64_t> find(std::string_view bytes) const override;

  const CharacterData& data() const { return data_; }

 private:
  std::int32_t id_of(char32_t code) const;

  CharacterData data_;
  TokenBytes bytes_;
  BytesTable by_bytes_;
  std::array<std::int32_t, 128> ascii_;  // -1: none
  PairTable others_;                     // code point -> id
};

// The characters of these texts by ascending code point.
// ValueError for text that is not UTF-8.
std::vector<std::string> characters_of(const std::vector<std::string_view>& texts);

}  // namespace tt::text
