#include "tinytorch/capstone/json_schema.hpp"

#include <nlohmann/json.hpp>

#include "support/catch.hpp"
#include "tinytorch/base/error.hpp"
#include "tinytorch/capstone/json_text.hpp"

using namespace tt;
using namespace tt::capstone;

namespace {

// "path rule" of the first violation, or "valid".
std::string verdict(const std::string& schema, const std::string& value) {
  const auto found = JsonSchema(schema).check(parse_json(value));
  return found.empty() ? "valid" : found[0].path + " " + found[0].rule;
}

}  // namespace

TEST_CASE("each keyword accepts and refuses") {
  struct Row {
    const char *schema, *good, *bad, *verdict;
  };
  const Row row = GENERATE(
      Row{R"({"type": "integer"})", "283.0", "283.5", "$ type"},
      Row{R"({"type": "integer"})", "-1", "true", "$ type"},
      Row{R"({"type": "number"})", "1e300", "false", "$ type"},
      Row{R"({"type": ["string", "null"]})", "null", "1", "$ type"},
      Row{R"({"enum": [1, "a", null]})", "1.0", "true", "$ enum"},
      Row{R"({"const": false})", "false", "0", "$ const"},
      Row{R"({"minimum": 0})", "0", "-0.001", "$ minimum"},
      Row{R"({"maximum": 9007199254740992})", "9007199254740992", "9007199254740993", "$ maximum"},
      Row{R"({"exclusiveMinimum": 0})", "5e-324", "0", "$ exclusiveMinimum"},
      Row{R"({"exclusiveMaximum": 1})", "0.999", "1.0", "$ exclusiveMaximum"},
      Row{R"({"minLength": 2})", R"("éé")", R"("é")", "$ minLength"},
      Row{R"({"maxLength": 2})", R"("éé")", R"("ééé")", "$ maxLength"},
      Row{R"({"maxLength": 9, "pattern": "^a+$"})", R"("aaa")", R"("ab")", "$ pattern"},
      Row{R"({"maxLength": 9, "pattern": "b"})", R"("abc")", R"("a")", "$ pattern"},
      Row{R"({"required": ["a"]})", R"({"a": null})", R"({"b": 1})", "$.a required"},
      Row{R"({"dependentRequired": {"a": ["b"]}})", R"({"b": 1})", R"({"a": 1})",
          "$.b dependentRequired"},
      Row{R"({"properties": {"a": {"type": "null"}}})", R"({"b": 1})", R"({"a": 1})", "$.a type"},
      Row{R"({"properties": {"a": true}, "additionalProperties": false})", R"({"a": 1})",
          R"({"a": 1, "x y": 2})", "$[\"x y\"] additionalProperties"},
      Row{R"({"additionalProperties": {"type": "string"}})", R"({"a": ""})", R"({"a": 1})",
          "$.a type"},
      Row{R"({"items": {"minimum": 2}})", "[2, 3]", "[2, 1]", "$[1] minimum"},
      Row{R"({"minItems": 1})", "[1]", "[]", "$ minItems"},
      Row{R"({"maxItems": 1})", "[1]", "[1, 2]", "$ maxItems"},
      Row{R"({"allOf": [{"minimum": 0}, {"maximum": 1}]})", "1", "2", "$ maximum"},
      Row{R"({"anyOf": [{"type": "null"}, {"minimum": 1}]})", "null", "0", "$ anyOf"},
      Row{R"({"$ref": "#/$defs/p", "$defs": {"p": {"minimum": 1}}})", "1", "0", "$ minimum"},
      Row{R"({"properties": {"next": {"$ref": "#"}}, "required": ["v"]})",
          R"({"v": 1, "next": {"v": 2}})", R"({"v": 1, "next": {}})", "$.next.v required"},
      Row{"true", "1", "1", "valid"}, Row{R"({"items": false})", "[]", "[1]", "$[0] false"});
  CAPTURE(row.schema, row.good, row.bad);
  CHECK(verdict(row.schema, row.good) == "valid");
  CHECK(verdict(row.schema, row.bad) == row.verdict);
}

TEST_CASE("keywords for other types do not apply") {
  CHECK(verdict(R"({"minimum": 5, "minLength": 5, "minItems": 5, "required": ["a"]})", "null") ==
        "valid");
  CHECK(verdict(R"({"required": ["a"], "minLength": 1})", "3") == "valid");
}

TEST_CASE("every violation is listed") {
  const JsonSchema schema(
      R"({"required": ["a"], "properties": {"b": {"type": "string"}, "c": {"maximum": 1}}})");
  const auto found = schema.check(parse_json(R"({"b": 1, "c": 2})"));
  REQUIRE(found.size() == 3);
  CHECK(found[0].message == "is missing");
  CHECK(found[1].message == "got 1, must be of type string");
  CHECK(found[2].message == "got 2, must be at most 1");
  const JsonSchema numbers(R"({"items": {"type": "string"}})");
  CHECK(numbers.check(Json(std::vector<int>(1000, 1))).size() == JsonSchema::kMost);
}

TEST_CASE("a schema outside the subset is refused") {
  const char* schema =
      GENERATE(R"({"oneOf": [true]})", R"({"properties": {"a": {"format": "date"}}})",
               R"({"typ": "string"})", R"({"type": "float"})", R"({"type": []})",
               R"({"minimum": "1"})", R"({"minLength": -1})", R"({"minLength": 1.5})",
               R"({"required": "a"})", R"({"required": [1]})", R"({"items": [true]})",
               R"({"allOf": []})", R"({"anyOf": {}})", R"({"enum": [[1]]})", R"({"const": {}})",
               R"({"$ref": "other.json"})", R"({"$ref": "#/$defs/none"})", R"({"$ref": 1})",
               R"({"pattern": "a"})", R"({"pattern": "(", "maxLength": 5})",
               R"({"pattern": "a", "maxLength": 100000})", R"({"pattern": "é", "maxLength": 5})",
               R"({"dependentRequired": {"a": "b"}})", R"({"properties": [1]})", "[]", "3", "{");
  CAPTURE(schema);
  CHECK_THROWS_AS(JsonSchema(schema), FormatError);
}

TEST_CASE("a reference that never ends is an error, not a crash") {
  const JsonSchema schema(R"({"$ref": "#"})");
  CHECK_THROWS_AS(schema.check(Json(1)), FormatError);
  const JsonSchema pair(R"({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"},
                            "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}})");
  CHECK_THROWS_AS(pair.check(Json(1)), FormatError);
}

TEST_CASE("a long string cannot exhaust the pattern matcher") {
  const JsonSchema schema(R"({"maxLength": 250, "pattern": "^(a|b)*$"})");
  CHECK(schema.check(Json(std::string(250, 'a'))).empty());
  const auto found = schema.check(Json(std::string(5'000'000, 'a')));
  REQUIRE(found.size() == 1);
  CHECK(found[0].rule == "maxLength");
}
