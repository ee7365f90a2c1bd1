#include "tinytorch/io/json_text.hpp"

#include <charconv>

namespace tt::io {
namespace {

constexpr char kHex[] = "0123456789abcdef";

// Length of the well-formed UTF-8 sequence that `s` begins with (Unicode 15, table 3-7): no
// overlong forms, no surrogates, nothing above U+10FFFF. 0 if it is malformed.
std::size_t utf8_length(std::string_view s) {
  const auto at = [&](std::size_t i) {
    return i < s.size() ? static_cast<unsigned char>(s[i]) : 0u;
  };
  const auto tail = [&](std::size_t i) { return (at(i) & 0xc0u) == 0x80u; };
  const unsigned lead = at(0), second = at(1);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return tail(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const unsigned low = lead == 0xe0 ? 0xa0 : 0x80, high = lead == 0xed ? 0x9f : 0xbf;
    return second >= low && second <= high && tail(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const unsigned low = lead == 0xf0 ? 0x90 : 0x80, high = lead == 0xf4 ? 0x8f : 0xbf;
    return second >= low && second <= high && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

}  // namespace

std::string quoted(std::string_view text, std::size_t limit) {
  std::string out = "'";
  for (const char c : text.substr(0, limit)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out + (text.size() > limit ? "...'" : "'");
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string to_json_string(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0) fail<FormatError>(quoted(text), " is not valid UTF-8");
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '"' || byte == '\\') {
      out += {'\\', text[i]};
    } else if (byte < 0x20) {
      out += {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      out += text.substr(i, length);
    }
    i += length;
  }
  return out + '"';
}

void JsonCursor::skip_space() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) {
    ++at_;
  }
}

bool JsonCursor::accept(char c) {
  skip_space();
  if (at_ >= text_.size() || text_[at_] != c) return false;
  ++at_;
  return true;
}

void JsonCursor::expect(char c) {
  if (accept(c)) return;
  if (at_ >= text_.size()) refuse("the JSON text ends where '", c, "' is expected");
  refuse("expected '", c, "', got ", quoted(text_.substr(at_, 1)));
}

void JsonCursor::end() {
  skip_space();
  if (at_ < text_.size()) refuse("unexpected ", quoted(text_.substr(at_, 1)), " after the object");
}

std::string JsonCursor::string() {
  expect('"');
  std::string out;
  for (;;) {
    std::size_t plain = at_;
    while (plain < text_.size() && text_[plain] != '"' && text_[plain] != '\\' &&
           text_[plain] >= 0x20 && static_cast<unsigned char>(text_[plain]) < 0x80) {
      ++plain;
    }
    out += text_.substr(at_, plain - at_);
    at_ = plain;
    if (at_ >= text_.size()) refuse("a string has no closing quote");
    const auto byte = static_cast<unsigned char>(text_[at_]);
    if (byte == '"') break;
    if (byte == '\\') {
      escape(out);
    } else if (byte < 0x20) {
      refuse("a control character in a string must be written as an escape");
    } else {
      utf8_sequence(out);
    }
  }
  ++at_;
  return out;
}

void JsonCursor::utf8_sequence(std::string& out) {
  const std::size_t length = utf8_length(text_.substr(at_));
  if (length == 0) refuse("a string is not valid UTF-8");
  out += text_.substr(at_, length);
  at_ += length;
}

std::uint32_t JsonCursor::hex4() {
  std::uint32_t value = 0;
  const std::string_view digits = text_.substr(at_, 4);
  const auto [rest, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.size() != 4 || error != std::errc() || rest != digits.data() + 4) {
    refuse("\\u needs four hexadecimal digits");
  }
  at_ += 4;
  return value;
}

void JsonCursor::escape(std::string& out) {
  constexpr std::string_view names = "\"\\/bfnrt", values = "\"\\/\b\f\n\r\t";
  const char kind = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
  at_ += 2;
  if (const std::size_t i = names.find(kind); i != names.npos) {
    out += values[i];
    return;
  }
  if (kind != 'u') refuse("unknown escape in a string");
  std::uint32_t code = hex4();
  if (code >= 0xdc00 && code <= 0xdfff) refuse("a string holds half a surrogate pair");
  if (code >= 0xd800 && code <= 0xdbff) {
    if (text_.substr(at_, 2) != "\\u") refuse("a string holds half a surrogate pair");
    at_ += 2;
    const std::uint32_t low = hex4();
    if (low < 0xdc00 || low > 0xdfff) refuse("a string holds half a surrogate pair");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  append_utf8(out, code);
}

std::uint64_t JsonCursor::unsigned_int() {
  skip_space();
  std::uint64_t value = 0;
  const char* first = text_.data() + at_;
  const char* last = text_.data() + text_.size();
  const auto [rest, error] = std::from_chars(first, last, value);
  if (error == std::errc::result_out_of_range) refuse("a number does not fit 64 bits");
  if (error != std::errc()) refuse("expected an integer >= 0");
  if (*first == '0' && rest - first > 1) refuse("a number has a leading zero");
  if (rest != last && (*rest == '.' || *rest == 'e' || *rest == 'E')) {
    refuse("expected an integer, got a fraction or an exponent");
  }
  at_ += static_cast<std::size_t>(rest - first);
  return value;
}

}  // namespace tt::io
