#include "tinytorch/text/byte_alphabet.hpp"

#include "tinytorch/text/utf8.hpp"

namespace tt::text {
namespace {

constexpr char32_t kFirstOther = 0x100;
constexpr int kOthers = 68;

constexpr bool prints(int byte) {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
}

constexpr std::array<char32_t, 256> make_alphabet() {
  std::array<char32_t, 256> table{};
  char32_t next = kFirstOther;
  for (int byte = 0; byte < 256; ++byte) {
    table[static_cast<std::size_t>(byte)] = prints(byte) ? static_cast<char32_t>(byte) : next++;
  }
  return table;
}
constexpr std::array<char32_t, 256> kAlphabet = make_alphabet();

constexpr std::array<char, kOthers> make_others() {
  std::array<char, kOthers> table{};
  for (int byte = 0; byte < 256; ++byte) {
    if (!prints(byte))
      table[kAlphabet[static_cast<std::size_t>(byte)] - kFirstOther] = static_cast<char>(byte);
  }
  return table;
}
constexpr std::array<char, kOthers> kOtherBytes = make_others();

}  // namespace

const std::array<char32_t, 256>& byte_alphabet() { return kAlphabet; }

std::string to_alphabet(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) append_utf8(text, kAlphabet[static_cast<unsigned char>(c)]);
  return text;
}

std::optional<std::string> from_alphabet(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = utf8_at(text, at);
    if (c.code < 256 && prints(static_cast<int>(c.code))) {
      bytes += static_cast<char>(c.code);
    } else if (c.code >= kFirstOther && c.code < kFirstOther + kOthers) {
      bytes += kOtherBytes[c.code - kFirstOther];
    } else {
      return std::nullopt;
    }
    at += c.length;
  }
  return bytes;
}

}  // namespace tt::text
