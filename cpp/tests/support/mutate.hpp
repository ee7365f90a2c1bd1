// Damage for files that readers must refuse or load whole.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "tinytorch/base/rng.hpp"

namespace tt::test {

// One random change: a bit, a byte, some bytes gone, or, by insert(at) and replace(at), what a
// format's own reader may stumble over.
template <class Insert, class Replace>
void mutate(std::string& bytes, Generator& random, Insert insert, Replace replace) {
  const auto below = [&](std::size_t bound) {
    return static_cast<std::size_t>(random.below(bound));
  };
  const std::size_t at = below(bytes.size());
  switch (below(5)) {
    case 0:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
      break;
    case 1:
      bytes[at] = static_cast<char>(below(256));
      break;
    case 2:
      bytes.erase(at, 1 + below(8));
      break;
    case 3:
      insert(at);
      break;
    default:
      replace(at);
      break;
  }
}

}  // namespace tt::test
