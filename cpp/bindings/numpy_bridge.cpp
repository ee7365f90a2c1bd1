#include "numpy_bridge.hpp"

#include <optional>

#include "gil.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

std::optional<DType> engine_dtype(const py::dtype& type) {
  const auto size = type.itemsize();
  switch (type.kind()) {
    case 'f':
      if (size == 4) return DType::f32;
      if (size == 8) return DType::f64;
      if (size == 2) return DType::f16;
      break;
    case 'i':
      if (size == 8) return DType::i64;
      if (size == 4) return DType::i32;
      if (size == 1) return DType::i8;
      break;
    case 'u':
      if (size == 1) return DType::u8;
      break;
    case 'b':
      return DType::boolean;
    default:
      break;
  }
  return std::nullopt;
}

void refuse_non_numbers(const py::array& array) {
  const char kind = array.dtype().kind();
  if (kind == 'c') {
    fail<TypeError>("complex numbers are not supported; take the real or imaginary part first");
  }
  if (kind == 'U' || kind == 'S' || kind == 'M' || kind == 'm' || kind == 'V') {
    fail<ValueError>("expected numbers, got an array of ",
                     py::cast<std::string>(py::str(array.dtype())));
  }
}

bool steps_whole(const py::array& array) {
  for (py::ssize_t d = 0; d < array.ndim(); ++d) {
    if (array.strides(d) % array.itemsize() != 0) return false;
  }
  return true;
}

}  // namespace

py::dtype numpy_dtype(DType dtype) {
  if (dtype == DType::bf16) {
    fail<DTypeError>("NumPy has no bfloat16; convert with astype(\"float32\") first");
  }
  return py::dtype(std::string(name_of(dtype)));
}

DType dtype_from_object(py::handle object) {
  if (py::isinstance<py::str>(object)) return dtype_from_name(py::cast<std::string>(object));
  const py::dtype type = py::dtype::from_args(py::reinterpret_borrow<py::object>(object));
  if (const auto found = engine_dtype(type)) return *found;
  return dtype_from_name(py::cast<std::string>(py::str(type)));
}

py::array to_numpy(const Array& array) {
  const auto item = static_cast<index_t>(size_of(array.dtype()));
  std::vector<py::ssize_t> shape(array.shape().begin(), array.shape().end()), strides;
  for (index_t s : array.strides()) strides.push_back(s * item);
  auto* storage = new StoragePtr(array.storage());
  py::capsule owner(storage, [](void* p) { delete static_cast<StoragePtr*>(p); });
  return py::array(numpy_dtype(array.dtype()), shape, strides, array.raw(), owner);
}

Array from_numpy(const py::array& array, bool allow_readonly) {
  refuse_non_numbers(array);
  const auto dtype = engine_dtype(array.dtype());
  const int flags = array.flags();
  const bool aligned = (flags & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0;
  if (array.ndim() > kMaxDims) {
    fail<ShapeError>("at most ", kMaxDims, " dimensions are supported, got ", array.ndim());
  }
  const bool native = py::cast<bool>(array.dtype().attr("isnative"));
  const bool usable =
      dtype && aligned && native && (array.writeable() || allow_readonly) && steps_whole(array);
  if (!usable) {
    const char* name =
        !dtype && array.dtype().kind() != 'O' && array.dtype().kind() != 'f' ? "int64" : "float32";
    const std::string wanted = dtype ? std::string(name_of(*dtype)) : name;
    const py::array copy = py::module_::import("numpy").attr("array")(array, py::dtype(wanted),
                                                                      py::arg("order") = "C");
    return from_numpy(copy, true);
  }
  Shape shape;
  Strides strides;
  for (py::ssize_t d = 0; d < array.ndim(); ++d) {
    shape.push_back(array.shape(d));
    strides.push_back(array.strides(d) / array.itemsize());
  }
  auto* owner = new PyRef(py::reinterpret_borrow<py::object>(array));
  StoragePtr storage(Storage::adopt(
      const_cast<void*>(array.data()), static_cast<std::size_t>(array.nbytes()), owner,
      [](void* p) { delete static_cast<PyRef*>(p); }, array.writeable()));
  return Array(std::move(storage), shape, strides, 0, *dtype);
}

Array from_object(py::handle object, DType dtype) {
  if (PyFloat_Check(object.ptr())) return Array::scalar(PyFloat_AS_DOUBLE(object.ptr()), dtype);
  py::array array;
  if (py::isinstance<py::array>(object)) {
    array = py::reinterpret_borrow<py::array>(object);
  } else {
    array = py::module_::import("numpy").attr("asarray")(object);
    if (array.dtype().kind() == 'O') {  // lists of tensors, None...: let NumPy say what is wrong
      array = py::module_::import("numpy").attr("asarray")(object, py::dtype("float32"));
    }
  }
  return from_numpy(array, true).astype(dtype);
}

}  // namespace tt::bindings
