// C++ exceptions to Python ones (the mapping is in base/error.hpp).
#pragma once
#include <pybind11/pybind11.h>

namespace tt::bindings {

void set_python_error();  // call inside a catch block: sets Python's error from the active
                          // exception
void register_error_translator();

// Runs fn and returns its PyObject*; on an exception sets Python's error and returns null.
template <class Fn>
PyObject* guarded(Fn&& fn) noexcept {
  try {
    return fn();
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}
// The same for slots that return 0 or -1.
template <class Fn>
int guarded_status(Fn&& fn) noexcept {
  try {
    fn();
    return 0;
  } catch (...) {
    set_python_error();
    return -1;
  }
}

}  // namespace tt::bindings
