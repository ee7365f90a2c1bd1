// Letters (\p{L}), numbers (\p{N}) and spaces (\s) of Unicode 16.0.
#pragma once
#include <cstdint>

namespace tt::text {

enum class CharClass : std::uint8_t { other, letter, number, space };

// `other` for anything that is no code point.
CharClass class_of(char32_t code);

}  // namespace tt::text
