// GPT-2's alphabet: a printable character for every byte, so that tokens of bytes can be written as
// text (Radford et al. 2019). Printable Latin-1 characters stand for themselves, the other 68 bytes
// for U+0100 onwards: a space is written as U+0120.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace tt::text {

// Byte -> code point.
const std::array<char32_t, 256>& byte_alphabet();

std::string to_alphabet(std::string_view bytes);

// The bytes that `text` stands for; nothing if it has a character that stands for none.
std::optional<std::string> from_alphabet(std::string_view text);

}  // namespace tt::text
