// _core.io: safetensors between files and NumPy arrays, GGUF files, and atomic replacement.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <memory>

#include "gil.hpp"
#include "tinytorch/base/atomic_file.hpp"
#include "tinytorch/io/json_text.hpp"
#include "tinytorch/io/safetensors.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

using io::Metadata;
using io::NamedBytes;
using io::SafetensorsFile;
using io::TensorEntry;

// NumPy has no bfloat16: its bits travel as uint16, and the name beside them.
py::dtype numpy_dtype_of(DType dtype) {
  switch (dtype) {
    case DType::bf16:
      return py::dtype("uint16");
    case DType::boolean:
      return py::dtype("bool");
    default:
      return py::dtype(std::string(name_of(dtype)));
  }
}

std::vector<py::ssize_t> numpy_shape(const Shape& shape) { return {shape.begin(), shape.end()}; }

py::array copied(const SafetensorsFile& file, const TensorEntry& entry) {
  py::array out(numpy_dtype_of(entry.dtype), numpy_shape(entry.shape));
  auto* bytes = static_cast<std::byte*>(out.mutable_data());
  ReleaseGil release;
  file.read(entry, bytes);
  return out;
}

// A read-only view of the mapping, which the array keeps alive.
py::array mapped(SafetensorsFile& file, const TensorEntry& entry) {
  using Owner = std::shared_ptr<const io::MappedFile>;
  const std::byte* bytes = file.map(entry);
  auto owner = std::make_unique<Owner>(file.mapping());
  py::capsule base(owner.get(), [](void* held) { delete static_cast<Owner*>(held); });
  owner.release();  // the capsule has it now
  py::array out(numpy_dtype_of(entry.dtype), numpy_shape(entry.shape), bytes, base);
  out.attr("flags").attr("writeable") = false;
  return out;
}

py::tuple load(const std::string& path, bool copy) {
  std::unique_ptr<SafetensorsFile> file;
  {
    ReleaseGil release;
    file = std::make_unique<SafetensorsFile>(path);
  }
  py::dict tensors, dtypes;
  for (const TensorEntry& entry : file->header().entries) {
    const py::str name(entry.name);
    const bool in_place = !copy && file->aligned(entry) && entry.begin != entry.end;
    tensors[name] = in_place ? mapped(*file, entry) : copied(*file, entry);
    dtypes[name] = py::str(std::string(name_of(entry.dtype)));
  }
  return py::make_tuple(tensors, file->header().metadata, dtypes);
}

// Native byte order and row-major, as the file needs it; the same object where it already is.
py::array plain_array(const py::array& given) {
  const bool native = py::cast<bool>(given.dtype().attr("isnative"));
  if (native && (given.flags() & py::array::c_style)) return given;
  static constexpr const char* native_order = "=";
  return py::module_::import("numpy").attr("asarray")(
      given, py::arg("dtype") = given.dtype().attr("newbyteorder")(native_order),
      py::arg("order") = "C");
}

DType stored_dtype(const std::string& name, const py::array& array, const py::dict& dtypes) {
  const std::string given = py::cast<std::string>(array.dtype().attr("name"));
  if (dtypes.contains(name.c_str()) && given == "uint16") {
    const auto wanted = py::cast<std::string>(dtypes[name.c_str()]);
    if (wanted == "bfloat16") return DType::bf16;
  }
  for (int i = 0; i <= static_cast<int>(DType::boolean); ++i) {
    const auto dtype = static_cast<DType>(i);
    if (dtype != DType::bf16 && name_of(dtype) == given) return dtype;
  }
  fail<DTypeError>("tensor ", io::quoted(name), ": dtype ", given,
                   " cannot be stored; allowed are float64, float32, float16, int64, int32, int8, "
                   "uint8, bool, and uint16 bits declared as bfloat16 in `dtypes`. Convert it with "
                   "astype first");
}

Shape engine_shape(const std::string& name, const py::array& array) {
  if (array.ndim() > kMaxDims) {
    fail<ShapeError>("tensor ", io::quoted(name), ": ", array.ndim(), " dimensions; at most ",
                     kMaxDims, " can be stored");
  }
  return Shape(array.shape(), array.shape() + array.ndim());
}

void save(const std::string& path, const py::dict& tensors, const Metadata& metadata,
          const py::dict& dtypes) {
  std::vector<py::array> rows;  // keeps converted arrays alive while they are written
  std::vector<NamedBytes> views;
  for (const auto& [key, value] : tensors) {
    if (!py::isinstance<py::str>(key)) fail<TypeError>("tensor names must be str");
    if (!py::isinstance<py::array>(value)) fail<TypeError>("tensors must be NumPy arrays");
    const auto name = py::cast<std::string>(key);
    const py::array& array =
        rows.emplace_back(plain_array(py::reinterpret_borrow<py::array>(value)));
    views.push_back(
        {name,
         stored_dtype(name, array, dtypes),
         engine_shape(name, array),
         {static_cast<const std::byte*>(array.data()), static_cast<std::size_t>(array.nbytes())}});
  }
  ReleaseGil release;
  io::write_safetensors(path, std::move(views), metadata);
}

void write_atomic(const std::string& path, const py::buffer& data) {
  const py::buffer_info info = data.request();
  if (PyBuffer_IsContiguous(info.view(), 'C') == 0) {
    fail<ValueError>("the data must be contiguous");
  }
  const auto size = static_cast<std::size_t>(info.size * info.itemsize);
  ReleaseGil release;
  write_file_atomic(path, std::span(static_cast<const std::byte*>(info.ptr), size));
}

}  // namespace

void bind_gguf(py::module_& module);

void bind_io(py::module_& m) {
  py::module_ module = m.def_submodule("io", "Safetensors, GGUF and atomic file replacement.");
  bind_gguf(module);
  module.def("load_safetensors", &load, py::arg("path"), py::arg("copy") = false,
             "(name -> ndarray, metadata, name -> dtype name). Arrays view the mapped file, "
             "read-only, unless `copy`. bfloat16 comes as uint16 bits.");
  module.def("save_safetensors", &save, py::arg("path"), py::arg("tensors"),
             py::arg("metadata") = Metadata{}, py::arg("dtypes") = py::dict(),
             "Replaces `path` atomically. `dtypes` marks uint16 arrays that hold bfloat16.");
  module.def("write_file_atomic", &write_atomic, py::arg("path"), py::arg("data"),
             "Replaces `path` with the bytes of `data`: readers see the old file or the new one.");
}

}  // namespace tt::bindings
