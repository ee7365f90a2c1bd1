#include "tinytorch/capstone/json_schema.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tinytorch/base/error.hpp"
#include "tinytorch/capstone/json_schema_keywords.hpp"
#include "tinytorch/capstone/json_text.hpp"

namespace tt::capstone {

using namespace schema;

struct JsonSchema::Compiled {
  Json root;
  Patterns patterns;
};

namespace {

bool is_scalar(const Json& value) { return !value.is_structured(); }
bool is_name(const Json& value) { return value.is_string(); }
bool is_list_of(const Json& value, bool (*fits)(const Json&)) {
  return value.is_array() && std::all_of(value.begin(), value.end(), fits);
}
class Reader {
 public:
  Reader(const Json& root, Patterns& patterns) : root_(root), patterns_(patterns) {}

  void read(const Json& schema, const std::string& where) {
    if (schema.is_boolean()) return;
    if (!schema.is_object()) refuse(where, "a schema is an object or a boolean");
    for (const auto& [name, argument] : schema.items()) {
      const std::string here = child_path(where, name);
      const Keyword* keyword = find_keyword(name);
      if (keyword == nullptr) refuse(here, "this keyword is not supported");
      read_argument(keyword->shape, argument, schema, here);
    }
  }

 private:
  [[noreturn]] static void refuse(const std::string& where, std::string_view why) {
    fail<FormatError>("schema, ", where, ": ", why);
  }
  static void need(bool holds, const std::string& where, std::string_view what) {
    if (!holds) refuse(where, concat("must be ", what));
  }

  void read_argument(Shape shape, const Json& argument, const Json& schema,
                     const std::string& here) {
    switch (shape) {
      case Shape::annotation:
        return;
      case Shape::type_names:
        return need(
            is_type_name(argument) || (is_list_of(argument, is_type_name) && !argument.empty()),
            here, "the name of a type, or several");
      case Shape::scalar:
        return need(is_scalar(argument), here, "a scalar");
      case Shape::scalars:
        return need(is_list_of(argument, is_scalar), here, "a list of scalars");
      case Shape::names:
        return need(is_list_of(argument, is_name), here, "a list of names");
      case Shape::name_lists:
        return need(argument.is_object() &&
                        std::all_of(argument.begin(), argument.end(),
                                    [](const Json& list) { return is_list_of(list, is_name); }),
                    here, "an object of lists of names");
      case Shape::number:
        return need(argument.is_number(), here, "a number");
      case Shape::count:
        return need(argument.is_number_unsigned(), here, "a whole number of at least 0");
      case Shape::reference:
        need(argument.is_string(), here, "a string");
        resolve(root_, argument.get_ref<const std::string&>());
        return;
      case Shape::pattern:
        return read_pattern(argument, schema, here);
      case Shape::schema:
        return read(argument, here);
      case Shape::schemas:
        need(argument.is_array() && !argument.empty(), here, "a list of schemas");
        for (std::size_t i = 0; i < argument.size(); ++i) read(argument[i], child_path(here, i));
        return;
      case Shape::named_schemas:
        need(argument.is_object(), here, "an object of schemas");
        for (const auto& [key, inner] : argument.items()) read(inner, child_path(here, key));
        return;
    }
  }

  void read_pattern(const Json& argument, const Json& schema, const std::string& here) {
    need(argument.is_string(), here, "a string");
    const auto& text = argument.get_ref<const std::string&>();
    need(std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }), here,
         "printable ASCII");
    const auto limit = schema.find("maxLength");
    need(limit != schema.end() && limit->is_number() && *limit <= kMaxPatternLength, here,
         concat("beside a maxLength of at most ", kMaxPatternLength));
    try {
      patterns_.try_emplace(text, text, std::regex::ECMAScript);
    } catch (const std::regex_error& error) {
      refuse(here, concat("is not a regular expression: ", error.what()));
    }
  }

  const Json& root_;
  Patterns& patterns_;
};

}  // namespace

JsonSchema::JsonSchema(std::string_view text) : compiled_(std::make_unique<Compiled>()) {
  compiled_->root = parse_json(text);
  Reader(compiled_->root, compiled_->patterns).read(compiled_->root, "$");
}

JsonSchema::~JsonSchema() = default;

std::vector<Violation> JsonSchema::check(const Json& value) const {
  Run run{compiled_->root, compiled_->patterns, {}, 0};
  run.apply(compiled_->root, value, {});
  return std::move(run.found);
}

}  // namespace tt::capstone
