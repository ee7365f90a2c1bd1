// Strict JSON text: what two readers could understand differently is refused.
#pragma once
#include <string>
#include <string_view>

#include "tinytorch/capstone/json_fwd.hpp"

namespace tt::capstone {

inline constexpr int kMaxJsonDepth = 64;  // arrays and objects inside each other
inline constexpr std::int64_t kMaxJsonNodes = 1'000'000;

// FormatError on anything but one JSON value: NaN, duplicate keys, integers beyond 64 bits, nesting
// beyond kMaxJsonDepth, invalid UTF-8. The message names line and column.
Json parse_json(std::string_view text);

// A new last member of `object`, null. The caller knows that the key is new: looking for it would
// make large objects quadratic.
Json& append_member(Json& object, std::string key);

// Two-space indent, a final newline, numbers that read back as the same double.
std::string to_text(const Json& value);

// One line, shortened to about 60 characters, for messages.
std::string excerpt(const Json& value);

// "$" + ".key" or "['odd key']".
std::string child_path(std::string_view parent, std::string_view key);
std::string child_path(std::string_view parent, std::size_t index);

}  // namespace tt::capstone
