// Stop sequences, of tokens or of bytes, found as the text grows (Knuth, Morris and Pratt 1977).
#pragma once
#include <string>
#include <vector>

#include "tinytorch/base/dims.hpp"
#include "tinytorch/base/error.hpp"

namespace tt::runtime {

template <class Sequence>
class StopMatcher {
 public:
  using Element = typename Sequence::value_type;

  StopMatcher() = default;
  // ValueError for an empty sequence.
  explicit StopMatcher(const std::vector<Sequence>& sequences) {
    for (const Sequence& s : sequences) {
      if (s.empty()) fail<ValueError>("a stop sequence must not be empty");
      patterns_.push_back({s, borders_of(s), 0});
    }
  }

  bool empty() const { return patterns_.empty(); }
  // Takes the next element. The number of the sequence that ends with it, of several the longest;
  // -1 if none does. Nothing may follow a match.
  index_t feed(const Element& next) {
    index_t found = -1;
    for (std::size_t i = 0; i < patterns_.size(); ++i) {
      Pattern& p = patterns_[i];
      while (p.matched > 0 && !(p.elements[p.matched] == next)) {
        p.matched = p.borders[p.matched - 1];
      }
      if (p.elements[p.matched] == next) ++p.matched;
      if (p.matched < p.elements.size()) continue;
      if (found < 0 || size(found) < size(static_cast<index_t>(i))) found = static_cast<index_t>(i);
    }
    return found;
  }
  // How many of the last elements may yet turn out to begin a stop sequence.
  index_t pending() const {
    std::size_t most = 0;
    for (const Pattern& p : patterns_) most = std::max(most, p.matched);
    return static_cast<index_t>(most);
  }
  const Sequence& sequence(index_t i) const {
    return patterns_[static_cast<std::size_t>(i)].elements;
  }
  index_t size(index_t i) const { return static_cast<index_t>(sequence(i).size()); }

 private:
  struct Pattern {
    Sequence elements;
    std::vector<std::size_t> borders;
    std::size_t matched;  // elements at the end of the text that begin the pattern
  };

  // For every beginning of s, how long its longest end is that begins s as well.
  static std::vector<std::size_t> borders_of(const Sequence& s) {
    std::vector<std::size_t> borders(s.size(), 0);
    for (std::size_t i = 1, length = 0; i < s.size(); ++i) {
      while (length > 0 && !(s[i] == s[length])) length = borders[length - 1];
      if (s[i] == s[length]) ++length;
      borders[i] = length;
    }
    return borders;
  }

  std::vector<Pattern> patterns_;
};

}  // namespace tt::runtime
