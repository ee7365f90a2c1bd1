#include "tinytorch/text/pretokenizer.hpp"

#include "tinytorch/text/unicode_classes.hpp"

namespace tt::text {
namespace {

struct Char {
  char32_t code = kMalformed;
  CharClass kind = CharClass::other;
  std::size_t length = 0;  // 0: the end of the text
};

// Characters of a text by their place.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Char at(std::size_t i) const {
    if (i >= text_.size()) return {};
    const Utf8Char c = utf8_at(text_, i);
    return {c.code, class_of(c.code), c.length};
  }
  bool is(std::size_t i, CharClass kind) const {
    const Char c = at(i);
    return c.length > 0 && c.kind == kind;
  }
  // The end of the run of characters of `kind` that begins at `i`, at most `most` characters.
  std::size_t run(std::size_t i, CharClass kind, std::size_t most = std::string_view::npos) const {
    for (Char c = at(i); most > 0 && c.length > 0 && c.kind == kind; c = at(i), --most) {
      i += c.length;
    }
    return i;
  }
  std::string_view text() const { return text_; }

 private:
  std::string_view text_;
};

bool is_newline(char32_t code) { return code == '\n' || code == '\r'; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// The end of 's, 't, 're, 've, 'm, 'll or 'd at `at`; `at` itself if there is none. Without regard
// to case, a long s (U+017F) is an s, too.
std::size_t contraction_end(std::string_view text, std::size_t at, bool any_case) {
  if (text[at] != '\'') return at;
  const auto letter = [&](std::size_t i) {
    if (i >= text.size()) return '\0';
    return any_case ? lower(text[i]) : text[i];
  };
  const char first = letter(at + 1), second = letter(at + 2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return at + 2;
  if ((first == 'r' || first == 'v') && second == 'e') return at + 3;
  if (first == 'l' && second == 'l') return at + 3;
  return any_case && text.substr(at + 1).starts_with("\xc5\xbf") ? at + 3 : at;
}

// \s+(?!\S)|\s+ : a run of spaces without its last one where something follows, unless that is all.
std::size_t spaces_end(const Reader& reader, std::size_t at) {
  std::size_t end = at, last = at;
  for (Char c = reader.at(at); c.length > 0 && c.kind == CharClass::space; c = reader.at(end)) {
    last = end;
    end += c.length;
  }
  return end < reader.text().size() && last > at ? last : end;
}

std::size_t gpt2_end(const Reader& reader, std::size_t at) {
  const std::string_view text = reader.text();
  if (const std::size_t end = contraction_end(text, at, false); end > at) return end;
  const std::size_t start = text[at] == ' ' ? at + 1 : at;
  const Char c = reader.at(start);
  if (c.length == 0 || c.kind == CharClass::space) return spaces_end(reader, at);
  return reader.run(start, c.kind);
}

// \s*[\r\n]+ : up to the last newline in the spaces at `at`; `at` if there is none.
std::size_t newlines_end(const Reader& reader, std::size_t at) {
  std::size_t end = at;
  for (Char c = reader.at(at); c.length > 0 && c.kind == CharClass::space; c = reader.at(at)) {
    at += c.length;
    if (is_newline(c.code)) end = at;
  }
  return end;
}

std::size_t llama3_end(const Reader& reader, std::size_t at) {
  const std::string_view text = reader.text();
  if (const std::size_t end = contraction_end(text, at, true); end > at) return end;
  const Char first = reader.at(at);
  if (first.kind == CharClass::letter) return reader.run(at, CharClass::letter);
  if (first.kind == CharClass::number) return reader.run(at, CharClass::number, 3);
  const std::size_t second = at + first.length;
  if (!is_newline(first.code) && reader.is(second, CharClass::letter)) {
    return reader.run(second, CharClass::letter);
  }
  const std::size_t start = text[at] == ' ' ? second : at;
  if (reader.is(start, CharClass::other)) {
    std::size_t end = reader.run(start, CharClass::other);
    while (end < text.size() && is_newline(static_cast<unsigned char>(text[end]))) ++end;
    return end;
  }
  const std::size_t newlines = newlines_end(reader, at);
  return newlines > at ? newlines : spaces_end(reader, at);
}

}  // namespace

std::string_view expression_of(SplitPattern pattern) {
  switch (pattern) {
    case SplitPattern::gpt2:
      return R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
    case SplitPattern::llama3:
      return R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3})"
             R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
    case SplitPattern::none:
      break;
  }
  return {};
}

std::size_t piece_end(SplitPattern pattern, std::string_view text, std::size_t at) {
  const Reader reader(text);
  if (pattern == SplitPattern::gpt2) return gpt2_end(reader, at);
  return pattern == SplitPattern::llama3 ? llama3_end(reader, at) : text.size();
}

std::size_t digit_section_end(std::string_view text, std::size_t at) {
  const Reader reader(text);
  const Char first = reader.at(at);
  if (first.kind == CharClass::number) return at + first.length;
  Char c = first;
  while (c.length > 0 && c.kind != CharClass::number) {
    at += c.length;
    c = reader.at(at);
  }
  return at;
}

}  // namespace tt::text
