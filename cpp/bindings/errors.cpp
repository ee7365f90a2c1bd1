#include "errors.hpp"

#include <new>

#include "tinytorch/base/error.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

// OSError(errno, text, filename) makes FileNotFoundError and the like of itself. File names are
// bytes, and so are the system's texts.
void set_os_error(const IoError& e) {
  PyObject* error = PyObject_CallFunction(PyExc_OSError, "iNN", e.code,
                                          PyUnicode_DecodeFSDefault(e.reason.c_str()),
                                          PyUnicode_DecodeFSDefault(e.path.c_str()));
  if (error == nullptr) return;  // another error is set
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error)), error);
  Py_DECREF(error);
}

// True if the exception is one of ours.
bool set_engine_error(std::exception_ptr error) {
  try {
    std::rethrow_exception(error);
  } catch (const Interrupted&) {
    // The interrupt check ran Python's signal handlers, which normally have set the error already.
    if (!PyErr_Occurred()) PyErr_SetNone(PyExc_KeyboardInterrupt);
  } catch (const IoError& e) {
    set_os_error(e);
  } catch (const ValueError& e) {
    PyErr_SetString(PyExc_ValueError, e.what());
  } catch (const TypeError& e) {
    PyErr_SetString(PyExc_TypeError, e.what());
  } catch (const IndexError& e) {
    PyErr_SetString(PyExc_IndexError, e.what());
  } catch (const SchemaError& e) {
    PyErr_SetString(PyExc_AssertionError, e.what());
  } catch (const Error& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  } catch (...) {
    return false;
  }
  return true;
}

}  // namespace

void set_python_error() {
  const std::exception_ptr error = std::current_exception();
  if (set_engine_error(error)) return;
  try {
    std::rethrow_exception(error);
  } catch (py::error_already_set& e) {
    e.restore();
  } catch (const py::builtin_exception& e) {
    e.set_error();
  } catch (const OutOfMemory& e) {
    PyErr_SetString(PyExc_MemoryError, e.what());
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  } catch (...) {
    PyErr_SetString(PyExc_RuntimeError, "unknown C++ exception");
  }
}

void register_error_translator() {
  py::register_exception_translator([](std::exception_ptr error) {
    if (error && !set_engine_error(error)) std::rethrow_exception(error);
  });
}

}  // namespace tt::bindings
