// UTF-8 as Unicode's table 3-7 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
// Text may hold any bytes; what is not well-formed is a character of its own without a code point.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace tt::text {

inline constexpr char32_t kMalformed = 0xffffffff;

struct Utf8Char {
  char32_t code;       // kMalformed where the bytes are not well-formed
  std::size_t length;  // of a malformed sequence, the longest beginning of a well-formed one, or 1
  bool cut;            // malformed only because the text ends here
};

// The character of `text` that begins at `at`, which is before its end.
Utf8Char utf8_at(std::string_view text, std::size_t at);

void append_utf8(std::string& out, char32_t code);

// Whole characters of bytes that come in pieces, as the tokens of a model do. Each malformed
// sequence becomes one U+FFFD, as in Python's errors="replace".
class Utf8Stream {
 public:
  // The characters that are whole with `bytes`; the beginning of another one is kept.
  std::string feed(std::string_view bytes);
  // U+FFFD if a character was left unfinished, else nothing. The stream is as new.
  std::string finish();

 private:
  std::string pending_;  // at most three bytes
};

}  // namespace tt::text
