#include "tinytorch/text/unicode_classes.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace tt::text {
namespace {

// Runs of code points of one class: first code point * 4 + class, ascending.
constexpr std::uint32_t kRuns[] = {
#include "tinytorch/text/unicode_classes.inc"
};

constexpr CharClass search(char32_t code) {
  const auto* run = std::upper_bound(std::begin(kRuns), std::end(kRuns), code << 2 | 3);
  return static_cast<CharClass>(*(run - 1) & 3);
}

constexpr std::array<CharClass, 128> make_ascii() {
  std::array<CharClass, 128> table{};
  for (char32_t code = 0; code < 128; ++code) table[code] = search(code);
  return table;
}
constexpr std::array<CharClass, 128> kAscii = make_ascii();

}  // namespace

CharClass class_of(char32_t code) {
  if (code < 128) return kAscii[code];
  return code > 0x10ffff ? CharClass::other : search(code);
}

}  // namespace tt::text
