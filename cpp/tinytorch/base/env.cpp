#include "tinytorch/base/env.hpp"

#include <charconv>
#include <cstdlib>

#include "tinytorch/base/error.hpp"

namespace tt {

std::optional<std::string> env_string(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

std::optional<int> env_positive_int(const char* name) {
  const auto text = env_string(name);
  if (!text) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size() || value < 1) {
    fail<ValueError>(name, " must be a whole number of at least 1, got '", *text, "'");
  }
  return value;
}

}  // namespace tt
