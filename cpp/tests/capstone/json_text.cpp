#include "tinytorch/capstone/json_text.hpp"

#include <limits>
#include <nlohmann/json.hpp>

#include "support/catch.hpp"
#include "tinytorch/base/error.hpp"

using namespace tt;
using namespace tt::capstone;

namespace {

std::string refusal(std::string_view text) {
  try {
    parse_json(text);
  } catch (const FormatError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("text and value round-trip, key order included") {
  const std::string text =
      "{\n  \"b\": [\n    1,\n    -2.5,\n    null,\n    true\n  ],\n  \"a\": \"\\u00e9\\\"\"\n}\n";
  const Json value = parse_json(text);
  CHECK(value.begin().key() == "b");
  CHECK(parse_json(to_text(value)) == value);
  CHECK(parse_json(to_text(value))["a"] == "\xc3\xa9\"");
  CHECK(parse_json("18446744073709551615").get<std::uint64_t>() == UINT64_MAX);
  CHECK(parse_json("-9223372036854775808").get<std::int64_t>() == INT64_MIN);
  for (double x : {0.1, 1e-300, 5e-324, std::numeric_limits<double>::max(), 1.0, -0.0}) {
    const Json back = parse_json(to_text(Json(x)));
    CHECK(back.is_number_float());
    CHECK(back.get<double>() == x);
  }
}

TEST_CASE("text that readers could disagree on is refused") {
  CHECK(refusal("NaN").find("not JSON") == 0);
  CHECK(refusal("[Infinity]").find("not JSON") == 0);
  CHECK(refusal("{\"a\": 1, \"a\": 2}") == "the key \"a\" occurs twice");
  CHECK(refusal("{\"a\": {\"b\": 1}, \"b\": 2}") == "accepted");
  CHECK(refusal("99999999999999999999").find("64 bits") != std::string::npos);
  CHECK(refusal("1e999").find("not JSON") == 0);
  CHECK(refusal("\"\xff\"").find("not JSON") == 0);
  CHECK(refusal("{} {}").find("line 1, column 4") != std::string::npos);
  CHECK(refusal("").find("not JSON") == 0);
  CHECK(refusal("[1,]").find("not JSON") == 0);
}

TEST_CASE("nesting is bounded, however deep the text") {
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(refusal(nested(kMaxJsonDepth)) == "accepted");
  CHECK(refusal(nested(kMaxJsonDepth + 1)).find("deeper than 64") != std::string::npos);
  CHECK(refusal(std::string(5'000'000, '[')).find("deeper than 64") != std::string::npos);
}

TEST_CASE("an object of very many keys is read in linear time") {
  std::string text = "{";
  for (int i = 0; i < 300'000; ++i) text += "\"key" + std::to_string(i) + "\":0,";
  text += "\"key7\":1}";
  CHECK(refusal(text) == "the key \"key7\" occurs twice");
}

TEST_CASE("excerpts are short and whole") {
  CHECK(excerpt(Json(1.5)) == "1.5");
  CHECK(excerpt(Json(std::numeric_limits<double>::quiet_NaN())) == "nan");
  CHECK(excerpt(Json("a")) == "\"a\"");
  CHECK(excerpt(Json::array({1, 2})) == "an array of 2 items");
  CHECK(excerpt(Json(std::string(1000, 'x'))) == "a string of 1000 bytes");
  std::string accents;
  for (int i = 0; i < 50; ++i) accents += "\xc3\xa9";
  CHECK(excerpt(Json(accents)).size() <= 64);
  CHECK_NOTHROW(Json(excerpt(Json(accents))).dump());  // still valid UTF-8
  CHECK(excerpt(Json(std::string("\xff"))).size() < 10);
}

TEST_CASE("paths") {
  CHECK(child_path("$", "a") == "$.a");
  CHECK(child_path("$.a", "b c") == "$.a[\"b c\"]");
  CHECK(child_path("$", std::size_t{3}) == "$[3]");
}
