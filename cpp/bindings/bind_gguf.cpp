// _core.io.GgufFile: metadata of a GGUF file as Python values, tensors as float32 arrays.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstring>

#include "gil.hpp"
#include "numpy_bridge.hpp"
#include "tinytorch/io/gguf.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

using io::GgufArray;
using io::GgufFile;
using io::GgufTensor;
using io::GgufType;

py::object numbers_to_python(const GgufArray& array) {
  static constexpr const char* names[] = {"uint8",  "int8",    "uint16", "int16", "uint32",
                                          "int32",  "float32", "bool",   "",      "",
                                          "uint64", "int64",   "float64"};
  const auto count = static_cast<py::ssize_t>(array.numbers.size() / size_of(array.item));
  py::array out(py::dtype(names[static_cast<int>(array.item)]), std::vector<py::ssize_t>{count});
  if (count > 0) std::memcpy(out.mutable_data(), array.numbers.data(), array.numbers.size());
  return out;
}

py::object array_to_python(const GgufArray& array) {
  if (size_of(array.item) != 0) return numbers_to_python(array);
  py::list out;
  for (const std::string& text : array.strings) out.append(py::str(text));
  for (const GgufArray& inner : array.arrays) out.append(array_to_python(inner));
  return out;
}

struct ToPython {
  py::object operator()(const GgufArray& array) const { return array_to_python(array); }
  py::object operator()(const std::string& text) const { return py::str(text); }
  py::object operator()(bool value) const { return py::bool_(value); }
  py::object operator()(double value) const { return py::float_(value); }
  py::object operator()(std::uint64_t value) const { return py::int_(value); }
  py::object operator()(std::int64_t value) const { return py::int_(value); }
};

py::dict metadata(const GgufFile& file) {
  py::dict out;
  for (const auto& [key, value] : file.header().metadata) {
    out[py::str(key)] = std::visit(ToPython{}, value);
  }
  return out;
}

py::list tensors(const GgufFile& file) {
  py::list out;
  for (const GgufTensor& tensor : file.header().tensors) {
    py::tuple shape(tensor.shape.size());
    for (int d = 0; d < tensor.shape.size(); ++d)
      shape[static_cast<std::size_t>(d)] = tensor.shape[d];
    out.append(py::make_tuple(tensor.name, std::string(layout_of(tensor.format).name), shape));
  }
  return out;
}

py::array read(const GgufFile& file, std::size_t index) {
  if (index >= file.header().tensors.size()) {
    fail<IndexError>("tensor ", index, " of ", file.header().tensors.size());
  }
  Array out;
  {
    ReleaseGil release;
    out = file.read(file.header().tensors[index]);
  }
  return to_numpy(out);
}

}  // namespace

void bind_gguf(py::module_& module) {
  py::class_<GgufFile>(module, "GgufFile", "A GGUF file; its tensors are read when asked for.")
      .def(py::init([](const std::string& path) {
             ReleaseGil release;
             return std::make_unique<GgufFile>(path);
           }),
           py::arg("path"))
      .def_property_readonly("version", [](const GgufFile& f) { return f.header().version; })
      .def("metadata", &metadata,
           "key -> value: numbers, texts, ndarrays, lists of texts or lists.")
      .def("tensors", &tensors, "(name, format, shape) of each, in the order of the file.")
      .def("read", &read, py::arg("index"), "The tensor with this place in tensors(), float32.");
}

}  // namespace tt::bindings
