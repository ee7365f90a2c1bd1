// Stop sequences against searching the whole text after every token.
#include "tinytorch/runtime/generate/output.hpp"

#include "support/catch.hpp"
#include "tinytorch/base/rng.hpp"

using namespace tt;
using namespace tt::runtime;

namespace {

// Tokens are pieces of text over a small alphabet.
const std::vector<std::string> kPieces = {"a", "b", "ab", "ba", "aab", "", "bb"};

std::size_t draw(Generator& g, std::size_t bound) {
  return static_cast<std::size_t>(g.below(bound));
}

TokenIds random_tokens(Generator& g, std::size_t n) {
  TokenIds tokens;
  for (std::size_t i = 0; i < n; ++i) {
    tokens.push_back(static_cast<std::int64_t>(draw(g, kPieces.size())));
  }
  return tokens;
}

struct Expected {
  std::size_t taken;  // tokens until the stop; all if there is none
  bool stopped;
  TokenIds tokens;
  std::string text;
};

std::string text_of(const TokenIds& tokens) {
  std::string text;
  for (const auto t : tokens) text += kPieces[static_cast<std::size_t>(t)];
  return text;
}

Expected search(const TokenIds& given, const std::vector<TokenIds>& stop_tokens,
                const std::vector<std::string>& stop_text) {
  for (std::size_t n = 1; n <= given.size(); ++n) {
    const TokenIds now(given.begin(), given.begin() + static_cast<index_t>(n));
    std::size_t tokens = n + 1, alone = 0;
    for (const TokenIds& s : stop_tokens) {
      if (s.size() <= n &&
          std::equal(s.begin(), s.end(), now.end() - static_cast<index_t>(s.size()))) {
        tokens = std::min(tokens, n - s.size());
        alone = n - tokens;
      }
    }
    // The text's sequence that ends first, of those the one that begins first.
    const std::string text = text_of(now);
    std::size_t begin = std::string::npos;
    for (std::size_t end = 1; end <= text.size() && begin == std::string::npos && alone != 1;
         ++end) {
      for (const std::string& s : stop_text) {
        if (s.size() > end || text.compare(end - s.size(), s.size(), s) != 0) continue;
        begin = std::min(begin, end - s.size());
      }
    }
    if (tokens <= n) {
      const TokenIds before(now.begin(), now.begin() + static_cast<index_t>(tokens));
      if (text_of(before).size() <= begin) return {n, true, before, text_of(before)};
    }
    if (begin == std::string::npos) continue;
    TokenIds before = now;
    while (text_of(before).size() > begin &&
           text_of({before.begin(), before.end() - 1}).size() >= begin) {
      before.pop_back();
    }
    return {n, true, before, text.substr(0, begin)};
  }
  return {given.size(), false, given, text_of(given)};
}

}  // namespace

TEST_CASE("stop sequences are found where a search finds them, and never shown") {
  Generator g(5);
  int stopped = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<TokenIds> stop_tokens(draw(g, 3));
    for (TokenIds& s : stop_tokens) s = random_tokens(g, 1 + draw(g, 3));
    std::vector<std::string> stop_text(draw(g, 3));
    for (std::string& s : stop_text) {
      do s = text_of(random_tokens(g, 1 + draw(g, 3)));
      while (s.empty());
    }
    const TokenIds given = random_tokens(g, 12);
    const Expected want = search(given, stop_tokens, stop_text);
    GeneratedText output(stop_tokens, stop_text);
    bool found = false;
    std::size_t taken = 0;
    while (taken < given.size() && !found) {
      const index_t tokens = output.shown_tokens(), text = output.shown_text();
      const auto token = static_cast<std::size_t>(given[taken++]);
      found = output.take(static_cast<std::int64_t>(token), kPieces[token]);
      REQUIRE(output.shown_tokens() >= tokens);
      REQUIRE(output.shown_text() >= text);
      // What is shown is of what remains in the end.
      REQUIRE(output.shown_tokens() <= static_cast<index_t>(want.tokens.size()));
      REQUIRE(output.shown_text() <= static_cast<index_t>(want.text.size()));
    }
    output.show_all();
    REQUIRE(found == want.stopped);
    REQUIRE(taken == want.taken);
    REQUIRE(output.tokens() == want.tokens);
    REQUIRE(output.text() == want.text);
    REQUIRE((output.token_stop() >= 0 || output.text_stop() >= 0) == want.stopped);
    stopped += found;
  }
  CHECK(stopped > 1000);
}

TEST_CASE("without stop sequences everything is shown at once") {
  GeneratedText output({}, {});
  output.reserve(3);
  for (const std::int64_t t : {2, 4, 0}) {
    CHECK_FALSE(output.take(t, kPieces[static_cast<std::size_t>(t)]));
    CHECK(output.shown_tokens() == static_cast<index_t>(output.tokens().size()));
    CHECK(output.shown_text() == static_cast<index_t>(output.text().size()));
  }
  CHECK(output.text() == "abaaba");
}

TEST_CASE("a stop sequence may begin and end within tokens") {
  GeneratedText output({}, {"ba"});
  CHECK_FALSE(output.take(4, "aab"));
  CHECK(output.shown_text() == 2);    // "b" may be the beginning
  CHECK(output.shown_tokens() == 0);  // so the token is not known to stay whole
  CHECK(output.take(2, "ab"));
  CHECK(output.text() == "aa");
  CHECK(output.tokens() == TokenIds{4});
  CHECK(output.text_stop() == 0);
  CHECK_THROWS_AS(GeneratedText({}, {""}), ValueError);
  CHECK_THROWS_AS(GeneratedText({TokenIds{}}, {}), ValueError);
}
