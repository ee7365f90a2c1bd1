#include "tinytorch/capstone/json_schema_keywords.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tinytorch/base/error.hpp"
#include "tinytorch/capstone/json_text.hpp"

namespace tt::capstone::schema {
namespace {

constexpr int kMaxSchemaDepth = 1000;  // $ref, allOf and anyOf included

template <class... Args>
void report(const Site& at, const Args&... message) {
  at.run.report(at.place.text(), at.rule, concat(message...));
}

// Exact for every int64, uint64 and double where long double has 64 bits of mantissa or more.
long double number(const Json& value) {
  if (value.is_number_unsigned()) return static_cast<long double>(value.get<std::uint64_t>());
  if (value.is_number_integer()) return static_cast<long double>(value.get<std::int64_t>());
  return static_cast<long double>(value.get<double>());
}

bool has_type(const Json& value, std::string_view type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "string") return value.is_string();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  if (type == "number") return value.is_number();
  if (value.is_number_float()) {
    const double x = value.get<double>();
    return std::isfinite(x) && std::trunc(x) == x;
  }
  return value.is_number_integer();
}

bool equal_scalars(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return number(a) == number(b);
  return a.type() == b.type() && a == b;
}

std::int64_t code_points(const std::string& utf8) {
  return std::count_if(utf8.begin(), utf8.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

void check_type(const Site& at) {
  const auto fits = [&](const Json& name) {
    return has_type(at.value, name.get_ref<const std::string&>());
  };
  const bool listed = at.argument.is_array();
  if (listed ? std::any_of(at.argument.begin(), at.argument.end(), fits) : fits(at.argument))
    return;
  std::string allowed;
  for (const Json& name : listed ? at.argument : Json::array({at.argument})) {
    allowed += (allowed.empty() ? "" : " or ") + name.get<std::string>();
  }
  report(at, "got ", excerpt(at.value), ", must be of type ", allowed);
}

void check_enum(const Site& at) {
  const auto same = [&](const Json& allowed) { return equal_scalars(allowed, at.value); };
  if (std::any_of(at.argument.begin(), at.argument.end(), same)) return;
  report(at, "got ", excerpt(at.value), ", must be one of ", at.argument.dump());
}

void check_const(const Site& at) {
  if (equal_scalars(at.argument, at.value)) return;
  report(at, "got ", excerpt(at.value), ", must be ", at.argument.dump());
}

template <class Holds>
void check_bound(const Site& at, Holds holds, const char* words) {
  if (!at.value.is_number() || holds(number(at.value), number(at.argument))) return;
  report(at, "got ", excerpt(at.value), ", must be ", words, " ", at.argument.dump());
}
void check_minimum(const Site& at) { check_bound(at, std::greater_equal<>(), "at least"); }
void check_maximum(const Site& at) { check_bound(at, std::less_equal<>(), "at most"); }
void check_exclusive_minimum(const Site& at) { check_bound(at, std::greater<>(), "greater than"); }
void check_exclusive_maximum(const Site& at) { check_bound(at, std::less<>(), "less than"); }

template <class Holds>
void check_size(const Site& at, std::int64_t size, Holds holds, const char* words,
                const char* unit) {
  if (holds(size, at.argument.get<std::int64_t>())) return;
  report(at, "has ", size, " ", unit, ", must have ", words, " ", at.argument.dump());
}
void check_min_length(const Site& at) {
  if (!at.value.is_string()) return;
  check_size(at, code_points(at.value.get_ref<const std::string&>()), std::greater_equal<>(),
             "at least", "characters");
}
void check_max_length(const Site& at) {
  if (!at.value.is_string()) return;
  check_size(at, code_points(at.value.get_ref<const std::string&>()), std::less_equal<>(),
             "at most", "characters");
}
void check_min_items(const Site& at) {
  if (!at.value.is_array()) return;
  check_size(at, std::ssize(at.value), std::greater_equal<>(), "at least", "items");
}
void check_max_items(const Site& at) {
  if (!at.value.is_array()) return;
  check_size(at, std::ssize(at.value), std::less_equal<>(), "at most", "items");
}

void check_pattern(const Site& at) {
  if (!at.value.is_string()) return;
  const auto& text = at.value.get_ref<const std::string&>();
  if (text.size() > kMaxMatchedBytes) return;  // maxLength has reported it
  const std::regex& pattern =
      at.run.patterns.find(at.argument.get_ref<const std::string&>())->second;
  if (std::regex_search(text, pattern)) return;
  report(at, "got ", excerpt(at.value), ", must match the pattern ",
         at.argument.get_ref<const std::string&>());
}

void check_required(const Site& at) {
  if (!at.value.is_object()) return;
  for (const Json& name : at.argument) {
    const auto& key = name.get_ref<const std::string&>();
    if (!at.value.contains(key)) {
      at.run.report(child_path(at.place.text(), key), at.rule, "is missing");
    }
  }
}

void check_dependent_required(const Site& at) {
  if (!at.value.is_object()) return;
  for (const auto& [present, needed] : at.argument.items()) {
    if (!at.value.contains(present)) continue;
    for (const Json& name : needed) {
      const auto& key = name.get_ref<const std::string&>();
      if (at.value.contains(key)) continue;
      at.run.report(child_path(at.place.text(), key), at.rule,
                    concat("is missing, but \"", present, "\" is given"));
    }
  }
}

void check_properties(const Site& at) {
  if (!at.value.is_object()) return;
  for (const auto& [key, schema] : at.argument.items()) {
    if (const auto member = at.value.find(key); member != at.value.end()) {
      at.run.apply(schema, *member, {&at.place, key});
    }
  }
}

void check_additional_properties(const Site& at) {
  if (!at.value.is_object()) return;
  const auto named = at.schema.find("properties");
  for (const auto& [key, member] : at.value.items()) {
    if (named != at.schema.end() && named->contains(key)) continue;
    const Place place{&at.place, key};
    if (at.argument == false) {
      at.run.report(place.text(), at.rule, "is not a key that is allowed here");
    } else {
      at.run.apply(at.argument, member, place);
    }
  }
}

void check_items(const Site& at) {
  if (!at.value.is_array()) return;
  for (std::size_t i = 0; i < at.value.size(); ++i) {
    at.run.apply(at.argument, at.value[i], {&at.place, {}, static_cast<std::ptrdiff_t>(i)});
  }
}

void check_all_of(const Site& at) {
  for (const Json& schema : at.argument) at.run.apply(schema, at.value, at.place);
}

void check_any_of(const Site& at) {
  const auto fits = [&](const Json& schema) { return at.run.accepts(schema, at.value, at.place); };
  if (std::any_of(at.argument.begin(), at.argument.end(), fits)) return;
  report(at, "got ", excerpt(at.value), ", which fits none of the ", at.argument.size(),
         " forms allowed here");
}

void check_ref(const Site& at) {
  at.run.apply(resolve(at.run.root, at.argument.get_ref<const std::string&>()), at.value, at.place);
}

void check_nothing(const Site&) {}

// The only list of keywords: what shape the argument must have, and how a value is checked.
constexpr std::array kKeywords = {
    Keyword{"type", Shape::type_names, check_type},
    Keyword{"enum", Shape::scalars, check_enum},
    Keyword{"const", Shape::scalar, check_const},
    Keyword{"minimum", Shape::number, check_minimum},
    Keyword{"maximum", Shape::number, check_maximum},
    Keyword{"exclusiveMinimum", Shape::number, check_exclusive_minimum},
    Keyword{"exclusiveMaximum", Shape::number, check_exclusive_maximum},
    Keyword{"minLength", Shape::count, check_min_length},
    Keyword{"maxLength", Shape::count, check_max_length},
    Keyword{"pattern", Shape::pattern, check_pattern},
    Keyword{"required", Shape::names, check_required},
    Keyword{"dependentRequired", Shape::name_lists, check_dependent_required},
    Keyword{"properties", Shape::named_schemas, check_properties},
    Keyword{"additionalProperties", Shape::schema, check_additional_properties},
    Keyword{"items", Shape::schema, check_items},
    Keyword{"minItems", Shape::count, check_min_items},
    Keyword{"maxItems", Shape::count, check_max_items},
    Keyword{"allOf", Shape::schemas, check_all_of},
    Keyword{"anyOf", Shape::schemas, check_any_of},
    Keyword{"$ref", Shape::reference, check_ref},
    Keyword{"$defs", Shape::named_schemas, check_nothing},
    Keyword{"$schema", Shape::annotation, check_nothing},
    Keyword{"$id", Shape::annotation, check_nothing},
    Keyword{"$comment", Shape::annotation, check_nothing},
    Keyword{"title", Shape::annotation, check_nothing},
    Keyword{"description", Shape::annotation, check_nothing},
    Keyword{"default", Shape::annotation, check_nothing},
    Keyword{"examples", Shape::annotation, check_nothing},
};

}  // namespace

const Keyword* find_keyword(std::string_view name) {
  const auto found = std::find_if(kKeywords.begin(), kKeywords.end(),
                                  [&](const Keyword& keyword) { return keyword.name == name; });
  return found == kKeywords.end() ? nullptr : &*found;
}

bool is_type_name(const Json& value) {
  static const Json kTypes = {"null", "boolean", "integer", "number", "string", "array", "object"};
  return std::find(kTypes.begin(), kTypes.end(), value) != kTypes.end();
}

const Json& resolve(const Json& root, const std::string& reference) {
  constexpr std::string_view kDefs = "#/$defs/";
  if (reference == "#") return root;
  if (reference.starts_with(kDefs) && root.contains("$defs")) {
    const Json& defs = root["$defs"];
    const auto found = defs.find(reference.substr(kDefs.size()));
    if (found != defs.end()) return *found;
  }
  fail<FormatError>("schema: the $ref \"", reference,
                    "\" leads nowhere; use \"#\" or \"#/$defs/NAME\"");
}

std::string Place::text() const {
  if (parent == nullptr) return "$";
  const std::string before = parent->text();
  return index < 0 ? child_path(before, key) : child_path(before, static_cast<std::size_t>(index));
}

void Run::report(std::string path, std::string_view rule, std::string message) {
  if (found.size() < JsonSchema::kMost) {
    found.push_back({std::move(path), std::string(rule), std::move(message)});
  }
}

void Run::apply(const Json& schema, const Json& value, const Place& place) {
  if (schema.is_boolean()) {
    if (schema == false) report(place.text(), "false", "must not be given");
    return;
  }
  if (++depth > kMaxSchemaDepth) fail<FormatError>("schema: a $ref refers to itself without end");
  for (const auto& [name, argument] : schema.items()) {
    find_keyword(name)->check({*this, name, argument, schema, value, place});
  }
  --depth;
}

bool Run::accepts(const Json& schema, const Json& value, const Place& place) {
  Run branch{root, patterns, {}, depth};
  branch.apply(schema, value, place);
  return branch.found.empty();
}

}  // namespace tt::capstone::schema
