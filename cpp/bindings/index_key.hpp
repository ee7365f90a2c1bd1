// Python's t[key] as an IndexKey.
#pragma once
#include <pybind11/pybind11.h>

#include "tinytorch/ops/index.hpp"

namespace tt::bindings {

// IndexError for what is no index (a float, text), as NumPy does.
ops::IndexKey index_key(pybind11::handle key);

}  // namespace tt::bindings
