// Tokens found in text by their name, before anything else looks at it: "<|endoftext|>".
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tinytorch/text/hash_table.hpp"

namespace tt::text {

struct AddedToken {
  std::int64_t id = 0;
  std::string content;
  bool special = true;       // may be left out when decoding
  bool normalized = false;   // looked for only in what those that are not leave of the text
  bool strip_left = false;   // takes the spaces before it along
  bool strip_right = false;  // and those after it
};

class AddedTokens {
 public:
  // FormatError for a token that is empty, too long or no UTF-8, or an id or name that occurs
  // twice.
  explicit AddedTokens(std::vector<AddedToken> tokens);

  const std::vector<AddedToken>& all() const { return tokens_; }
  const AddedToken* find(std::int64_t id) const;  // null: not an added token
  const AddedToken* find(std::string_view content) const;

  // A part of a text: a token, or text between tokens.
  struct Part {
    std::size_t begin, end;
    const AddedToken* token;  // null: text
  };
  // The parts of `text` from left to right; the longest token wins where several begin.
  std::vector<Part> split(std::string_view text) const;

 private:
  // A tree of the bytes of tokens.
  class Tree {
   public:
    void add(std::string_view content, std::size_t index);
    bool empty() const { return ends_.empty(); }
    // The longest token at `at`, which is before the end of `text`; -1: none.
    std::int64_t longest_at(std::string_view text, std::size_t at) const;

   private:
    std::array<bool, 256> first_{};
    PairTable children_;              // node * 256 + byte -> node; 0 is the root
    std::vector<std::int64_t> ends_;  // by node: the token that ends there, -1: none
  };

  void split(std::string_view text, Part within, const Tree& tree, std::vector<Part>& parts) const;

  std::vector<AddedToken> tokens_;
  PairTable by_id_;
  BytesTable by_content_;
  Tree plain_, normalized_;
};

}  // namespace tt::text
