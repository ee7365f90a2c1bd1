// Byte-pair encoding of bytes (Sennrich et al. 2016; Radford et al. 2019).
//
// A word, a piece of text that the pre-tokenizer made, begins as its bytes. Of all neighbours that
// can be merged those of the earliest merge are, from the left, until none can. The ids are those
// of the `tokenizers` package.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tinytorch/text/model.hpp"
#include "tinytorch/text/pretokenizer.hpp"

namespace tt::text {

struct BpeData {
  std::vector<std::string> tokens;  // by id, in GPT-2's alphabet; empty: an id that no token has
  std::vector<std::array<std::int32_t, 2>> merges;  // ids, what is merged first first
  std::int32_t unknown = -1;   // of a byte without a token; -1: such text is refused
  bool fuse_unknown = false;   // neighbouring unknown bytes are one
  bool ignore_merges = false;  // a word that is a token is that token, merged or not
};

class BpeModel final : public Model {
 public:
  // FormatError for a token that occurs twice, a merge of or into something that is no token, or
  // a merge that occurs twice.
  BpeModel(BpeData data, PreTokenizer pre_tokenizer);

  void encode(std::string_view text, Work& work, std::vector<std::int64_t>& ids) const override;
  std::int64_t size() const override { return bytes_.size(); }
  std::string_view bytes(std::int64_t id) const override { return bytes_[id]; }
  std::string_view name(std::int64_t id) const override;
  std::optional<std::int64_t> find(std::string_view bytes) const override;

  const BpeData& data() const { return data_; }
  const PreTokenizer& pre_tokenizer() const { return pre_tokenizer_; }

 private:
  void read_tokens();
  void read_merges();
  void find_whole_words();
  void encode_word(std::string_view word, Work& work, std::vector<std::int64_t>& ids) const;
  bool start(std::string_view word, Work& work) const;
  void merge(Work& work) const;
  void offer(Work& work, std::int32_t left) const;

  BpeData data_;
  PreTokenizer pre_tokenizer_;
  TokenBytes bytes_;
  BytesTable by_bytes_;                     // id * 2 + 1 if the word is encoded as it, else id * 2
  std::array<std::int32_t, 256> byte_ids_;  // -1: none
  PairTable merges_;                        // pair -> rank << 32 | id
};

}  // namespace tt::text
