// The DLPack exchange structures (https://dmlc.github.io/dlpack, ABI version 0 and 1).
#pragma once
#include <cstdint>

namespace tt::bindings::dlpack {

struct Device {
  std::int32_t type, id;  // type 1: CPU
};
struct DataType {
  std::uint8_t code, bits;  // code 0: int, 1: uint, 2: float, 4: bfloat, 6: bool
  std::uint16_t lanes;
};
struct TensorView {
  void* data;
  Device device;
  std::int32_t ndim;
  DataType dtype;
  std::int64_t* shape;
  std::int64_t* strides;  // in elements; null: row-major
  std::uint64_t byte_offset;
};
struct Managed {
  TensorView tensor;
  void* manager;
  void (*deleter)(Managed*);
};
struct Version {
  std::uint32_t major, minor;
};
struct ManagedVersioned {
  Version version;
  void* manager;
  void (*deleter)(ManagedVersioned*);
  std::uint64_t flags;  // bit 0: read-only
  TensorView tensor;
};

}  // namespace tt::bindings::dlpack
