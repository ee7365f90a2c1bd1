#include "tinytorch/text/pretokenizer.hpp"

#include <random>
#include <vector>

#include "support/catch.hpp"

using namespace tt::text;

namespace {

std::vector<std::string> pieces(const PreTokenizer& how, std::string_view text) {
  std::vector<std::string> found;
  for_each_piece(how, text, [&](std::string_view piece) { found.emplace_back(piece); });
  return found;
}
using Pieces = std::vector<std::string>;

}  // namespace

TEST_CASE("GPT-2's pieces") {
  const PreTokenizer gpt2;
  CHECK(pieces(gpt2, "").empty());
  CHECK(pieces(gpt2, "Hello, it's 2024!") == Pieces{"Hello", ",", " it", "'s", " 2024", "!"});
  CHECK(pieces(gpt2, "we'll've I'M") == Pieces{"we", "'ll", "'ve", " I", "'", "M"});
  CHECK(pieces(gpt2, "a  b\n\n c \n") == Pieces{"a", " ", " b", "\n\n", " c", " \n"});
  CHECK(pieces(gpt2, "  ") == Pieces{"  "});
  CHECK(pieces(gpt2, "\tx") == Pieces{"\t", "x"});
  CHECK(pieces(gpt2, "x\u3000\u3000y") == Pieces{"x", "\u3000", "\u3000", "y"});
  CHECK(pieces(gpt2, "\u00e9t\u00e9\u00b2\u0301") == Pieces{"\u00e9t\u00e9", "\u00b2", "\u0301"});
  CHECK(pieces(gpt2, "a\xff\xc3 b") == Pieces{"a", "\xff\xc3", " b"});
}

TEST_CASE("Llama 3's pieces") {
  const PreTokenizer llama3{SplitPattern::llama3};
  CHECK(pieces(llama3, "I'M 12345(x)") == Pieces{"I", "'M", " ", "123", "45", "(x", ")"});
  CHECK(pieces(llama3, "a!\r\n\n b") == Pieces{"a", "!\r\n\n", " b"});
  CHECK(pieces(llama3, " \n \n  x\t\ty") == Pieces{" \n \n", " ", " x", "\t", "\ty"});
  CHECK(pieces(llama3, "'\u017f's") == Pieces{"'\u017f", "'s"});
  CHECK(pieces(llama3, "\nx") == Pieces{"\n", "x"});
}

TEST_CASE("single digits are pieces, and the rest is split as a text of its own") {
  const PreTokenizer digits{SplitPattern::gpt2, true};
  CHECK(pieces(digits, "a 123b\u00b2") == Pieces{"a", " ", "1", "2", "3", "b", "\u00b2"});
}

TEST_CASE("without a pattern the text is one piece") {
  CHECK(pieces({SplitPattern::none}, "a b\nc") == Pieces{"a b\nc"});
}

TEST_CASE("every byte is in a piece") {
  std::mt19937 draw(5);
  const SplitPattern pattern = GENERATE(SplitPattern::gpt2, SplitPattern::llama3);
  const bool digits = GENERATE(false, true);
  const std::string_view alphabet = "a'sl \n\r1!\xc3\xa9\xe3\x80\x80\xff";
  for (int round = 0; round < 500; ++round) {
    std::string text;
    for (std::size_t n = draw() % 30; n > 0; --n) text += alphabet[draw() % alphabet.size()];
    std::string joined;
    for (const std::string& piece : pieces({pattern, digits}, text)) {
      CHECK_FALSE(piece.empty());
      joined += piece;
    }
    REQUIRE(joined == text);
  }
}
