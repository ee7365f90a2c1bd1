#include "tinytorch/text/utf8.hpp"

#include <random>

#include "support/catch.hpp"
#include "tinytorch/text/byte_alphabet.hpp"
#include "tinytorch/text/unicode_classes.hpp"

using namespace tt::text;

TEST_CASE("every code point is written and read back") {
  for (char32_t code = 0; code < 0x110000; ++code) {
    if (code >= 0xd800 && code < 0xe000) continue;
    std::string text;
    append_utf8(text, code);
    const Utf8Char c = utf8_at(text, 0);
    if (c.code != code || c.length != text.size()) FAIL("code point " << std::uint32_t{code});
  }
}

TEST_CASE("malformed sequences end where they cannot go on") {
  struct Case {
    std::string_view bytes;
    std::size_t length;
    bool cut;
  };
  const Case cases[] = {
      {"\x80", 1, false},        {"\xc0\x80", 1, false},     {"\xc3", 1, true},
      {"\xc3(", 1, false},       {"\xe0\x9f\xbf", 1, false}, {"\xe2\x82", 2, true},
      {"\xe2\x82(", 2, false},   {"\xed\xa0\x80", 1, false}, {"\xf0\x8f", 1, false},
      {"\xf0\x9f\x98", 3, true}, {"\xf4\x90\x80", 1, false}, {"\xf5", 1, false}};
  for (const Case& c : cases) {
    const Utf8Char got = utf8_at(c.bytes, 0);
    CHECK(got.code == kMalformed);
    CHECK(got.length == c.length);
    CHECK(got.cut == c.cut);
  }
}

TEST_CASE("a stream gives whole characters however its bytes are cut") {
  const std::string text = "a\u00e9\u20ac\U0001f600\xff\xe2\x82z\xf0\x9f";
  const std::string expected =
      "a\u00e9\u20ac\U0001f600\ufffd\ufffdz\ufffd";  // the last one when it ends
  std::mt19937 draw(3);
  for (int round = 0; round < 200; ++round) {
    Utf8Stream stream;
    std::string got;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t n = 1 + draw() % 4;
      got += stream.feed(std::string_view(text).substr(at, n));
      at += n;
    }
    got += stream.finish();
    REQUIRE(got == expected);
    CHECK(stream.finish().empty());
  }
}

TEST_CASE("a character is given out with its last byte and not before") {
  Utf8Stream stream;
  CHECK(stream.feed("\xf0").empty());
  CHECK(stream.feed("\x9f\x98").empty());
  CHECK(stream.feed("\x80!") == "\U0001f600!");
}

TEST_CASE("the alphabet has a character for every byte") {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  CHECK(from_alphabet(to_alphabet(all)) == all);
  CHECK(to_alphabet(" a\n\xad\xe9") == "\u0120a\u010a\u0143\u00e9");
  CHECK_FALSE(from_alphabet("a b").has_value());
  CHECK_FALSE(from_alphabet("\u0144").has_value());
  CHECK_FALSE(from_alphabet("\xff").has_value());
}

TEST_CASE("classes of characters") {
  for (const char32_t c : {U'a', U'Z', U'\u00e9', U'\u65e5', U'\u0140', U'\U00020000'}) {
    CHECK(class_of(c) == CharClass::letter);
  }
  for (const char32_t c : {U'0', U'9', U'\u00b2', U'\u0661', U'\u2167', U'\U0001d7d9'}) {
    CHECK(class_of(c) == CharClass::number);
  }
  for (const char32_t c : {U' ', U'\t', U'\n', U'\u0085', U'\u00a0', U'\u2003', U'\u3000'}) {
    CHECK(class_of(c) == CharClass::space);
  }
  for (const char32_t c : {U'\0', U'_', U'\u0301', U'\u200b', U'\U0001f600', kMalformed}) {
    CHECK(class_of(c) == CharClass::other);
  }
}
