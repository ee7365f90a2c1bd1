#include "index_key.hpp"

#include "numpy_bridge.hpp"
#include "tensor_type.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

std::optional<index_t> slice_bound(PyObject* bound) {
  if (bound == Py_None) return std::nullopt;
  const Py_ssize_t value = PyNumber_AsSsize_t(bound, nullptr);  // clips, as Python's slices do
  if (value == -1 && PyErr_Occurred()) throw py::error_already_set();
  return value;
}

ops::Slice slice_item(PyObject* object) {
  const auto* slice = reinterpret_cast<PySliceObject*>(object);
  ops::Slice out{slice_bound(slice->start), slice_bound(slice->stop), 1};
  if (const auto step = slice_bound(slice->step)) out.step = *step;
  return out;
}

Array index_array(py::handle object) {
  Array array;
  if (is_tensor(object)) {
    array = tensor_of(object).array();
    if (is_float(array.dtype())) return ops::as_indices(array);  // ids travel as float32
  } else {
    const py::array values = py::module_::import("numpy").attr("asarray")(object);
    array = values.size() == 0 && values.dtype().kind() == 'f'
                ? Array::zeros({0}, DType::i64)  // an empty list
                : from_numpy(values, true);
  }
  if (is_float(array.dtype())) {
    fail<IndexError>("arrays used as indices must hold integers or booleans, got ",
                     name_of(array.dtype()));
  }
  return array.copy();  // the caller may change it before backward
}

bool is_boolean(PyObject* o) {
  return PyBool_Check(o) || std::string_view(Py_TYPE(o)->tp_name).starts_with("numpy.bool");
}

ops::IndexItem item(py::handle object) {
  PyObject* o = object.ptr();
  if (o == Py_None) return ops::NewAxis{};
  if (o == Py_Ellipsis) return ops::Ellipsis{};
  if (PySlice_Check(o)) return slice_item(o);
  if (is_boolean(o)) return Array::scalar(PyObject_IsTrue(o) == 1 ? 1.0 : 0.0, DType::boolean);
  if (is_tensor(object) || py::isinstance<py::array>(object) || PyList_Check(o) ||
      PyTuple_Check(o)) {
    return index_array(object);
  }
  if (PyIndex_Check(o)) {
    const Py_ssize_t value = PyNumber_AsSsize_t(o, PyExc_IndexError);
    if (value == -1 && PyErr_Occurred()) throw py::error_already_set();
    return static_cast<index_t>(value);
  }
  fail<IndexError>(
      "only integers, slices (:), ellipsis (...), None and integer or boolean arrays "
      "are valid indices, got ",
      Py_TYPE(o)->tp_name);
}

}  // namespace

ops::IndexKey index_key(py::handle key) {
  ops::IndexKey out;
  if (PyTuple_Check(key.ptr())) {
    for (py::handle part : py::reinterpret_borrow<py::tuple>(key)) out.push_back(item(part));
  } else {
    out.push_back(item(key));
  }
  return out;
}

}  // namespace tt::bindings
