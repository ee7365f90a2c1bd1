// Validation against JSON Schema 2020-12, for the part of it that our schemas use:
//   type enum const $ref $defs allOf anyOf required dependentRequired properties
//   additionalProperties items minItems maxItems minimum maximum exclusiveMinimum exclusiveMaximum
//   minLength maxLength pattern; and the annotations $schema $id $comment title description default
//   examples.
// Narrower than the standard: enum and const hold scalars; $ref is local ("#", "#/$defs/NAME"); a
// pattern is ASCII and stands beside a maxLength (the matcher recurses per character). A schema
// with anything else is refused when it is read, so nothing it says is ever silently ignored.
//
// As in the standard 283.0 is an integer, true is not a number, lengths count code points, and
// numbers compare exactly across integers and floats.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tinytorch/capstone/json_fwd.hpp"

namespace tt::capstone {

struct Violation {
  std::string path;     // of the offending or missing value: "$.baseline.metrics.accuracy"
  std::string rule;     // the keyword: "maximum"
  std::string message;  // one sentence without the path
};

class JsonSchema {
 public:
  explicit JsonSchema(std::string_view text);  // FormatError naming what is not supported
  ~JsonSchema();

  // All violations, in document order; empty: valid. Beyond kMost the rest is not listed.
  std::vector<Violation> check(const Json& value) const;
  static constexpr std::size_t kMost = 100;

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace tt::capstone
