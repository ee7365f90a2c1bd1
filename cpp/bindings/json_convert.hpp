// Between Python objects and JSON values, for the capstone's documents.
//   None, bool, int, float, str, list, tuple, dict with str keys; NumPy scalars as the Python
//   numbers they stand for, numeric ndarrays as nested lists.
// Anything else is refused with the place it was found at, as a SubmissionError of rule "json":
// other types, keys that are no str, integers beyond 64 bits, half surrogate pairs, nesting beyond
// 64 levels (a list that contains itself, too), more than a million values. NaN and infinities
// pass: validation names them.
#pragma once
#include <pybind11/pybind11.h>

#include <string>

#include "tinytorch/capstone/json_fwd.hpp"

namespace tt::bindings {

capstone::Json json_from_python(pybind11::handle value, const std::string& root = "$");
pybind11::object json_to_python(const capstone::Json& value);

}  // namespace tt::bindings
