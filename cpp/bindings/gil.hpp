// The GIL is released around real work only: giving it up and taking it back costs as much as an
// operation on a few hundred elements.
#pragma once
#include <pybind11/pybind11.h>

#include <optional>

#include "tinytorch/base/dims.hpp"

namespace tt::bindings {

inline constexpr index_t kReleaseAbove = 10000;  // elements

class ReleaseGil {
 public:
  explicit ReleaseGil(bool worthwhile) {
    if (worthwhile) release_.emplace();
  }

 private:
  std::optional<pybind11::gil_scoped_release> release_;
};

// A counted reference that may be dropped on any thread.
class PyRef {
 public:
  explicit PyRef(pybind11::object o) : object_(o.release().ptr()) {}
  PyRef(const PyRef&) = delete;
  PyRef& operator=(const PyRef&) = delete;
  ~PyRef() {
    if (object_ == nullptr || !Py_IsInitialized()) return;
    pybind11::gil_scoped_acquire gil;
    Py_DECREF(object_);
  }
  pybind11::handle get() const { return object_; }

 private:
  PyObject* object_;
};

}  // namespace tt::bindings
