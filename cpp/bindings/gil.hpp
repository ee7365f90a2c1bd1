// The interpreter lock. It is released around real work only: giving it up and taking it back costs
// as much as an operation on a few hundred elements.
//
// Where the interpreter is being shut down, CPython before 3.14 ends a thread that asks for the
// lock by unwinding its stack, which C++ destructors do not survive. Such a thread is stopped here
// instead, as CPython 3.14 does; the process ends without it.
#pragma once
#include <pybind11/pybind11.h>

#include "tinytorch/base/dims.hpp"

namespace tt::bindings {

inline constexpr index_t kReleaseAbove = 10000;  // elements

class ReleaseGil {
 public:
  explicit ReleaseGil(bool worthwhile = true)
      : state_(worthwhile ? PyEval_SaveThread() : nullptr) {}
  ReleaseGil(const ReleaseGil&) = delete;
  ReleaseGil& operator=(const ReleaseGil&) = delete;
  ~ReleaseGil();

 private:
  PyThreadState* state_;
};

class AcquireGil {
 public:
  AcquireGil();
  AcquireGil(const AcquireGil&) = delete;
  AcquireGil& operator=(const AcquireGil&) = delete;
  ~AcquireGil() { PyGILState_Release(state_); }

 private:
  PyGILState_STATE state_;
};

// A counted reference that may be dropped on any thread.
class PyRef {
 public:
  explicit PyRef(pybind11::object o) : object_(o.release().ptr()) {}
  PyRef(const PyRef&) = delete;
  PyRef& operator=(const PyRef&) = delete;
  ~PyRef() {
    if (object_ == nullptr || !Py_IsInitialized()) return;
    AcquireGil gil;
    Py_DECREF(object_);
  }
  pybind11::handle get() const { return object_; }

 private:
  PyObject* object_;
};

}  // namespace tt::bindings
