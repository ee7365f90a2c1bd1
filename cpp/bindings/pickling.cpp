#include "pickling.hpp"

#include <pybind11/pybind11.h>

namespace tt::bindings {
namespace {

namespace py = pybind11;

[[noreturn]] py::tuple refuse(const py::handle& self) {
  throw py::type_error("cannot pickle or copy '" + std::string(Py_TYPE(self.ptr())->tp_name) +
                       "': save its weights (or options), and make another one of them");
}

}  // namespace

void refuse_pickles(py::module_& m) {
  const py::handle metaclass(
      reinterpret_cast<PyObject*>(py::detail::get_internals().default_metaclass));
  const py::object inherited = py::module_::import("builtins").attr("object").attr("__reduce__");
  for (const auto& [name, value] : py::dict(m.attr("__dict__"))) {
    if (py::isinstance<py::module_>(value)) {
      auto part = py::reinterpret_borrow<py::module_>(value);
      refuse_pickles(part);
    } else if (py::type::handle_of(value).is(metaclass) &&
               py::object(value.attr("__reduce__")).is(inherited)) {
      value.attr("__reduce__") =
          py::cpp_function(&refuse, py::name("__reduce__"), py::is_method(value));
    }
  }
}

}  // namespace tt::bindings
