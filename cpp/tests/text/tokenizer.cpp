#include "tinytorch/text/tokenizer.hpp"

#include "support/catch.hpp"
#include "tinytorch/base/error.hpp"
#include "tinytorch/text/bpe_trainer.hpp"
#include "tinytorch/text/character_model.hpp"

using namespace tt;
using namespace tt::text;

namespace {

using Ids = std::vector<std::int64_t>;

// "abc" are 0 to 2, then the added tokens.
Tokenizer letters(std::vector<AddedToken> added, Frame frame = {}) {
  return Tokenizer(std::make_unique<CharacterModel>(CharacterData{{"a", "b", "c", " "}}),
                   std::move(added), std::move(frame));
}

}  // namespace

TEST_CASE("added tokens are found in text, the longest where several begin") {
  const Tokenizer t = letters({{4, "<"}, {5, "<e>"}, {6, "<e>>"}, {7, "ab"}});
  CHECK(t.encode("") == Ids{});
  CHECK(t.encode("a<e>b") == Ids{0, 5, 1});
  CHECK(t.encode("<<e>><e>") == Ids{4, 6, 5});
  CHECK(t.encode("<e>abc") == Ids{5, 7, 2});
  CHECK_THROWS_AS(t.encode("<e>abc", {.added_tokens = false}), ValueError);
  CHECK(t.vocabulary_size() == 8);
  CHECK(t.find("<e>") == 5);
  CHECK(t.find("b") == 1);
  CHECK_FALSE(t.find("z").has_value());
}

TEST_CASE("normalized tokens are looked for in what the others leave") {
  const Tokenizer t = letters({{4, "ab", true, true}, {5, "bc"}});
  CHECK(t.encode("abc") == Ids{0, 5});
  CHECK(t.encode("abbc") == Ids{4, 5});
}

TEST_CASE("tokens may take spaces along") {
  const Tokenizer t =
      letters({{4, "<l>", true, false, true}, {5, "<r>", true, false, false, true}});
  CHECK(t.encode("a \u3000<l> b") == Ids{0, 4, 3, 1});
  CHECK(t.encode("a <r> \nb") == Ids{0, 3, 5, 1});
  CHECK(t.encode("<r>  <l>") == Ids{5, 4});
  CHECK(t.encode("  <l>") == Ids{4});
  CHECK(t.encode("\u3000<l>") == Ids{4});
  const Tokenizer spaces = letters({{4, "\n", true, false, true, true}});
  CHECK(spaces.encode("a\n\n \nb") == Ids{0, 4, 1});
}

TEST_CASE("decoding is the inverse of encoding, with or without special tokens") {
  const Tokenizer t = letters({{4, "<e>"}, {6, "<n>", false}}, {{4}, {6, 4}});
  const Ids ids = t.encode("a<n>c", {.frame = true});
  CHECK(ids == Ids{4, 0, 6, 2, 6, 4});
  CHECK(t.decode(ids) == "<e>a<n>c<n><e>");
  CHECK(t.decode(ids, true) == "a<n>c<n>");
  CHECK_THROWS_AS(t.decode(Ids{5}), ValueError);  // no token has it
  CHECK_THROWS_AS(t.decode(Ids{7}), ValueError);
  CHECK_THROWS_AS(t.decode(Ids{-1}), ValueError);
}

TEST_CASE("contradictions are refused") {
  CHECK_THROWS_AS(letters({{0, "b"}}), FormatError);
  CHECK_THROWS_AS(letters({{4, "x"}, {4, "y"}}), FormatError);
  CHECK_THROWS_AS(letters({{4, "x"}, {5, "x"}}), FormatError);
  CHECK_THROWS_AS(letters({{4, ""}}), FormatError);
  CHECK_THROWS_AS(letters({{-1, "x"}}), FormatError);
  CHECK_THROWS_AS(letters({{kMaxTokens, "x"}}), FormatError);
  CHECK_THROWS_AS(letters({{4, "\xff"}}), FormatError);
  CHECK_THROWS_AS(letters({{4, std::string(5000, 'x')}}), FormatError);
  CHECK_THROWS_AS(letters({}, {{9}, {}}), FormatError);
}

TEST_CASE("many texts at once are each as alone") {
  BpeTrainer trainer({});
  trainer.feed("the cat sat on the mat and the rat sat");
  const auto t = trainer.train({.vocabulary_size = 280, .special = {"<e>"}});
  std::vector<std::string> texts;
  for (int i = 0; i < 100; ++i) texts.push_back("the rat " + std::to_string(i) + "<e>\xff");
  const auto all = t->encode(std::vector<std::string_view>(texts.begin(), texts.end()));
  REQUIRE(all.size() == texts.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    CHECK(all[i] == t->encode(texts[i]));
    CHECK(t->decode(all[i]) == texts[i]);
  }
}

TEST_CASE("characters are in the order of code points") {
  const CharacterModel model({characters_of({"b\u20aca", "\U0001f600 a"})});
  CHECK(model.size() == 5);
  CHECK(model.bytes(0) == " ");
  CHECK(model.bytes(4) == "\U0001f600");
  CHECK_THROWS_AS(characters_of({"a\xff"}), ValueError);
}
