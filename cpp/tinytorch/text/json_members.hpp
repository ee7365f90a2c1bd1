// Members of JSON objects, checked: FormatError that says what there is instead.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "tinytorch/capstone/json_text.hpp"

namespace tt::text {

using capstone::Json;

// Null if `object` has no such member, or a null one. FormatError unless it is an object.
const Json* member(const Json& object, const char* key);

// The same of a member that must be there.
const Json& required(const Json& object, const char* key);
const Json& required_list(const Json& object, const char* key);
const std::string& required_text(const Json& object, const char* key);
bool required_flag(const Json& object, const char* key);

bool flag(const Json& object, const char* key, bool otherwise);  // missing or null: otherwise
const std::string& text_of(const Json& value, const char* what);
std::int64_t id_of(const Json& value, const char* what);  // 0 to kMaxTokens - 1

}  // namespace tt::text
