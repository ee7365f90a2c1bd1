// Taking over memory through DLPack: the producer's tensor stays alive as long as our storage.
#include <pybind11/pybind11.h>

#include "dlpack.hpp"
#include "gil.hpp"
#include "tensor_type.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

using namespace dlpack;

DType dtype_of_view(const DataType& t) {
  if (t.lanes == 1) {
    const int bits = t.bits;
    if (t.code == 2 && bits == 32) return DType::f32;
    if (t.code == 2 && bits == 64) return DType::f64;
    if (t.code == 2 && bits == 16) return DType::f16;
    if (t.code == 4 && bits == 16) return DType::bf16;
    if (t.code == 0 && bits == 64) return DType::i64;
    if (t.code == 0 && bits == 32) return DType::i32;
    if (t.code == 0 && bits == 8) return DType::i8;
    if (t.code == 1 && bits == 8) return DType::u8;
    if (t.code == 6 && bits == 8) return DType::boolean;
  }
  fail<TypeError>("DLPack element type (code ", int{t.code}, ", ", int{t.bits}, " bits, ", t.lanes,
                  " lanes) is not supported; convert it to a type the engine has");
}

struct Layout {
  Shape shape;
  Strides strides;
  index_t lowest = 0, highest = 0;  // reach of the elements around the first, in elements
};

Layout layout_of(const TensorView& v) {
  if (v.device.type != 1) {
    fail<TypeError>("only memory of the CPU can be shared, got DLPack device type ", v.device.type);
  }
  if (v.ndim < 0 || (v.ndim > 0 && v.shape == nullptr)) fail<ValueError>("malformed DLPack tensor");
  Layout out;
  for (std::int32_t d = 0; d < v.ndim; ++d) out.shape.push_back(v.shape[d]);
  out.strides = contiguous_strides(out.shape);
  if (v.strides != nullptr) {
    for (std::int32_t d = 0; d < v.ndim; ++d) out.strides[d] = v.strides[d];
  }
  if (numel(out.shape) == 0) return out;
  for (std::int32_t d = 0; d < v.ndim; ++d) {
    const index_t reach = (out.shape[d] - 1) * out.strides[d];
    (reach < 0 ? out.lowest : out.highest) += reach;
  }
  return out;
}

template <class M>
Array adopt(M* managed, bool writable) {
  const TensorView& v = managed->tensor;
  const DType dtype = dtype_of_view(v.dtype);
  const Layout layout = layout_of(v);
  auto* first = static_cast<std::byte*>(v.data) + v.byte_offset;
  const auto item = static_cast<index_t>(size_of(dtype));
  if (reinterpret_cast<std::uintptr_t>(first) % static_cast<std::uintptr_t>(item) != 0) {
    fail<ValueError>("DLPack memory is not aligned to its elements of ", item, " bytes");
  }
  const auto bytes = static_cast<std::size_t>((layout.highest - layout.lowest + 1) * item);
  StoragePtr storage(Storage::adopt(
      first + layout.lowest * item, numel(layout.shape) == 0 ? 0 : bytes, managed,
      [](void* owner) {
        auto* m = static_cast<M*>(owner);
        if (m->deleter == nullptr || !Py_IsInitialized()) return;
        AcquireGil gil;
        m->deleter(m);
      },
      writable));
  return Array(std::move(storage), layout.shape, layout.strides, -layout.lowest, dtype);
}

autograd::Tensor from_capsule(const py::object& capsule) {
  PyObject* p = capsule.ptr();
  Array array;
  if (PyCapsule_IsValid(p, "dltensor_versioned")) {
    auto* m = static_cast<ManagedVersioned*>(PyCapsule_GetPointer(p, "dltensor_versioned"));
    if (m->version.major != 1) {
      fail<ValueError>("DLPack version ", m->version.major, " is not supported; this is version 1");
    }
    array = adopt(m, (m->flags & 1u) == 0);
    PyCapsule_SetName(p, "used_dltensor_versioned");
  } else if (PyCapsule_IsValid(p, "dltensor")) {
    array = adopt(static_cast<Managed*>(PyCapsule_GetPointer(p, "dltensor")), true);
    PyCapsule_SetName(p, "used_dltensor");
  } else {
    fail<ValueError>("expected a fresh DLPack capsule, got one that was used, or another object");
  }
  if (!array.storage()->writable()) array = array.copy();
  return autograd::Tensor(array);
}

}  // namespace

void bind_dlpack(py::module_& m) {
  m.def("from_dlpack_capsule", &from_capsule, py::arg("capsule"),
        "A Tensor over the memory of a DLPack capsule (copied if it is read-only).");
}

}  // namespace tt::bindings
