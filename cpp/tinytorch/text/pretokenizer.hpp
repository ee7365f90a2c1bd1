// Splitting text into pieces before any byte pair is merged: merges never cross a piece's border.
//
//   gpt2    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//   llama3  (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
//           ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// (Radford et al. 2019; Grattafiori et al. 2024.) Every byte is in a piece. Bytes that are not
// UTF-8 count as neither letter nor number nor space.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "tinytorch/text/utf8.hpp"

namespace tt::text {

enum class SplitPattern { none, gpt2, llama3 };

// The regular expression as files write it; empty for `none`.
std::string_view expression_of(SplitPattern pattern);

struct PreTokenizer {
  SplitPattern pattern = SplitPattern::gpt2;
  bool single_digits = false;  // every number character is a piece, whatever the pattern
  bool prefix_space = false;   // a space goes before text that does not begin with one
};

// Where the piece that begins at `at` ends; `at` is before the end of the text.
std::size_t piece_end(SplitPattern pattern, std::string_view text, std::size_t at);

// Where the characters up to the next number character end: with single_digits, the pieces of
// text[at, end) are those of a text of its own. A number character stands alone.
std::size_t digit_section_end(std::string_view text, std::size_t at);

// Calls on_piece(std::string_view) for the pieces of `text` from left to right. A space for
// `prefix_space` is the caller's business: the pieces are parts of `text`.
template <class OnPiece>
void for_each_piece(const PreTokenizer& how, std::string_view text, OnPiece&& on_piece) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = how.single_digits ? digit_section_end(text, begin) : text.size();
    const std::string_view section = text.substr(begin, end - begin);
    for (std::size_t at = 0; at < section.size();) {
      const std::size_t next = piece_end(how.pattern, section, at);
      on_piece(section.substr(at, next - at));
      at = next;
    }
    begin = end;
  }
}

}  // namespace tt::text
