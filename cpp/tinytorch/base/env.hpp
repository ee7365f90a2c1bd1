// Environment variables, read in one place: TINYTORCH_NUM_THREADS, TINYTORCH_ISA.
#pragma once
#include <optional>
#include <string>

namespace tt {
std::optional<std::string> env_string(const char* name);  // unset or empty: nullopt
std::optional<int> env_positive_int(const char* name);    // not a positive int: ValueError
}  // namespace tt
