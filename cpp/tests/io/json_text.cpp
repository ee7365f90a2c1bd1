#include "tinytorch/io/json_text.hpp"

#include <limits>
#include <vector>

#include "support/catch.hpp"

using namespace tt;
using io::JsonCursor;

namespace {

std::string read_string(std::string_view json) { return JsonCursor(json, "test").string(); }
std::uint64_t read_int(std::string_view json) {
  JsonCursor cursor(json, "test");
  const std::uint64_t value = cursor.unsigned_int();
  cursor.end();
  return value;
}

}  // namespace

TEST_CASE("a JSON string is read with its escapes") {
  CHECK(read_string(R"("")").empty());
  CHECK(read_string(R"(  "plain")") == "plain");
  CHECK(read_string(R"("\"\\\/\b\f\n\r\t")") == "\"\\/\b\f\n\r\t");
  CHECK(read_string(R"("\u0041\u00e9\u20AC\ud83d\ude00")") == "A\u00e9\u20ac\U0001f600");
  CHECK(read_string("\"\u00e9\u20ac\U0001f600\"") == "\u00e9\u20ac\U0001f600");
  CHECK(read_string(R"("a\u0000b")") == std::string("a\0b", 3));
}

TEST_CASE("a malformed JSON string is refused") {
  const std::string_view bad[] = {"",
                                  "x",
                                  "\"",
                                  "\"abc",
                                  "\"\\",
                                  "\"\\x\"",
                                  "\"\\u12",
                                  "\"\\u12g4\"",
                                  "\"\\u-123\"",
                                  "\"\\ud83d\"",
                                  "\"\\ud83dx\"",
                                  "\"\\ude00\"",
                                  "\"\n\"",
                                  "\"\x80\"",
                                  "\"\xc0\xaf\"",
                                  "\"\xe0\x80\x80\"",
                                  "\"\xed\xa0\x80\"",
                                  "\"\xf4\x90\x80\x80\"",
                                  "\"\xf8\x88\x80\x80\x80\"",
                                  "\"\xe2\x82",
                                  "\"\\ud83d\\u0041\""};
  for (const std::string_view text : bad) {
    CAPTURE(io::quoted(text));
    CHECK_THROWS_AS(read_string(text), FormatError);
  }
  CHECK_THROWS_AS(read_string({"\"a\0\"", 4}), FormatError);
}

TEST_CASE("unsigned integers are exact, and nothing else is one") {
  CHECK(read_int("0") == 0);
  CHECK(read_int(" 42 ") == 42);
  CHECK(read_int("18446744073709551615") == std::numeric_limits<std::uint64_t>::max());
  for (const char* bad :
       {"", "-1", "-0", "+1", "01", "00", "1.0", "1e3", "1E3", "18446744073709551616", "0x10",
        "NaN", "true", "\"1\"", "1 2", "99999999999999999999999999999"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(read_int(bad), FormatError);
  }
}

TEST_CASE("objects and arrays call back for each value") {
  std::vector<std::string> keys;
  std::vector<std::uint64_t> values;
  JsonCursor cursor(" { \"a\" : [ 1 , 2 ] , \"b\" : [] } ", "test");
  cursor.object([&](std::string key) {
    keys.push_back(std::move(key));
    cursor.array([&] { values.push_back(cursor.unsigned_int()); });
  });
  cursor.end();
  CHECK(keys == std::vector<std::string>{"a", "b"});
  CHECK(values == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("broken objects are refused") {
  for (const char* bad : {"", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}",
                          "{,}", "{a:1}", "{\"a\" 1}", "{\"a\":1}}", "{\"a\":1}x", "[1]"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(([&] {
                      JsonCursor cursor(bad, "test");
                      cursor.object([&](const std::string&) { cursor.unsigned_int(); });
                      cursor.end();
                    }()),
                    FormatError);
  }
}

TEST_CASE("written JSON strings read back") {
  for (const std::string& text :
       {std::string(), std::string("plain"), std::string("\"\\/\b\n\x1f\x7f"),
        std::string("\u00e9\u20ac\U0001f600"), std::string("a\0b", 3)}) {
    CHECK(read_string(io::to_json_string(text)) == text);
  }
  CHECK_THROWS_AS(io::to_json_string("\xff"), FormatError);
  CHECK_THROWS_AS(io::to_json_string("\xe2\x82"), FormatError);
}

TEST_CASE("a message shows hostile text safely") {
  CHECK(io::quoted("a\n\x1b[31m") == "'a\\x0a\\x1b[31m'");
  CHECK(io::quoted(std::string(1000, 'x')).size() == 65);
}
