#include "tinytorch/text/json_members.hpp"

#include "tinytorch/base/error.hpp"
#include "tinytorch/text/model.hpp"

namespace tt::text {

const Json* member(const Json& object, const char* key) {
  if (!object.is_object()) {
    fail<FormatError>("expected an object with '", key, "', got ", capstone::excerpt(object));
  }
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

const Json& required(const Json& object, const char* key) {
  const Json* found = member(object, key);
  if (found == nullptr) fail<FormatError>("'", key, "' is missing in ", capstone::excerpt(object));
  return *found;
}

const Json& required_list(const Json& object, const char* key) {
  const Json& list = required(object, key);
  if (!list.is_array()) {
    fail<FormatError>("'", key, "' must be a list, got ", capstone::excerpt(list));
  }
  return list;
}

const std::string& required_text(const Json& object, const char* key) {
  return text_of(required(object, key), key);
}

bool required_flag(const Json& object, const char* key) {
  required(object, key);
  return flag(object, key, false);
}

bool flag(const Json& object, const char* key, bool otherwise) {
  const Json* value = member(object, key);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) {
    fail<FormatError>("'", key, "' must be true or false, got ", capstone::excerpt(*value));
  }
  return value->get<bool>();
}

const std::string& text_of(const Json& value, const char* what) {
  if (!value.is_string()) {
    fail<FormatError>("'", what, "' must be text, got ", capstone::excerpt(value));
  }
  return value.get_ref<const std::string&>();
}

std::int64_t id_of(const Json& value, const char* what) {
  if (!value.is_number_unsigned() ||
      value.get<std::uint64_t>() >= static_cast<std::uint64_t>(kMaxTokens)) {
    fail<FormatError>("the id of ", what, " must be a whole number from 0 to ", kMaxTokens - 1,
                      ", got ", capstone::excerpt(value));
  }
  return value.get<std::int64_t>();
}

}  // namespace tt::text
