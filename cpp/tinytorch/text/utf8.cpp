#include "tinytorch/text/utf8.hpp"

#include <utility>

namespace tt::text {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

struct Lead {
  std::size_t length;       // of the whole sequence; 0: nothing begins with this byte
  unsigned char low, high;  // bounds of the second byte
};

Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xc2 || byte > 0xf4) return {0, 0, 0};
  if (byte < 0xe0) return {2, 0x80, 0xbf};
  if (byte < 0xf0) {
    return {3, static_cast<unsigned char>(byte == 0xe0 ? 0xa0 : 0x80),
            static_cast<unsigned char>(byte == 0xed ? 0x9f : 0xbf)};
  }
  return {4, static_cast<unsigned char>(byte == 0xf0 ? 0x90 : 0x80),
          static_cast<unsigned char>(byte == 0xf4 ? 0x8f : 0xbf)};
}

}  // namespace

Utf8Char utf8_at(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) return {first, 1, false};
  const Lead lead = lead_of(first);
  if (lead.length == 0) return {kMalformed, 1, false};
  char32_t code = first & (0xffu >> (lead.length + 1));
  for (std::size_t i = 1; i < lead.length; ++i) {
    if (at + i == text.size()) return {kMalformed, i, true};
    const auto byte = static_cast<unsigned char>(text[at + i]);
    const unsigned char low = i == 1 ? lead.low : 0x80, high = i == 1 ? lead.high : 0xbf;
    if (byte < low || byte > high) return {kMalformed, i, false};
    code = code << 6 | (byte & 0x3fu);
  }
  return {code, lead.length, false};
}

void append_utf8(std::string& out, char32_t code) {
  const auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xe0 | code >> 12);
    } else {
      put(0xf0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3f));
    }
    put(0x80 | (code >> 6 & 0x3f));
  }
  put(0x80 | (code & 0x3f));
}

std::string Utf8Stream::feed(std::string_view bytes) {
  const std::string text = std::exchange(pending_, {}).append(bytes);
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = utf8_at(text, at);
    if (c.cut) {
      pending_ = text.substr(at);
      break;
    }
    out += c.code == kMalformed ? kReplacement : std::string_view(text).substr(at, c.length);
    at += c.length;
  }
  return out;
}

std::string Utf8Stream::finish() {
  return std::string(std::exchange(pending_, {}).empty() ? std::string_view() : kReplacement);
}

}  // namespace tt::text
