// How json_schema.cpp applies a schema to a document; not for other files.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "tinytorch/capstone/json_schema.hpp"

namespace tt::capstone::schema {

// std::regex recurses once per byte. A pattern stands beside a maxLength small enough that longer
// texts, which are not matched, are refused by it.
inline constexpr std::int64_t kMaxPatternLength = 250;  // characters
inline constexpr std::size_t kMaxMatchedBytes = 4 * kMaxPatternLength;

using Patterns = std::map<std::string, std::regex, std::less<>>;

// A place in the checked document, chained through the stack; written out only for a violation.
struct Place {
  const Place* parent = nullptr;
  std::string_view key;
  std::ptrdiff_t index = -1;

  std::string text() const;
};

// One pass over a document.
struct Run {
  const Json& root;
  const Patterns& patterns;
  std::vector<Violation> found;
  int depth = 0;

  void apply(const Json& schema, const Json& value, const Place& place);
  bool accepts(const Json& schema, const Json& value, const Place& place);
  void report(std::string path, std::string_view rule, std::string message);
};

// What a keyword is checked against: its own argument, the schema it stands in, the value.
struct Site {
  Run& run;
  std::string_view rule;
  const Json& argument;
  const Json& schema;
  const Json& value;
  const Place& place;
};

enum class Shape {  // of a keyword's argument
  type_names,
  scalar,
  scalars,
  names,
  name_lists,
  schema,
  schemas,
  named_schemas,
  number,
  count,
  pattern,
  reference,
  annotation,
};
struct Keyword {
  std::string_view name;
  Shape shape;
  void (*check)(const Site&);
};
const Keyword* find_keyword(std::string_view name);  // null: not supported

const Json& resolve(const Json& root, const std::string& reference);  // FormatError
bool is_type_name(const Json& value);

}  // namespace tt::capstone::schema
