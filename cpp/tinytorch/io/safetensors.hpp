// Reading and writing safetensors files: names, element types, shapes and raw little-endian data.
//
// Reading maps the file: tensors are views of the mapping, read-only, without a copy, and keep it
// alive. Two kinds are copied instead: those whose bytes are not aligned for their type (files of
// other writers), and all of them on request. A file that another program shortens in place while
// it is mapped kills the reader (SIGBUS); writers that replace files, as ours does, are safe, and
// read(copy) is safe against the rest.
// Writing replaces the file atomically (base/atomic_file.hpp).
#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tinytorch/array/array.hpp"
#include "tinytorch/io/mapped_file.hpp"
#include "tinytorch/io/safetensors_header.hpp"

namespace tt::io {

class SafetensorsFile {
 public:
  // Reads and checks the header. IoError where the file cannot be read, FormatError where it is
  // not a sound safetensors file.
  explicit SafetensorsFile(std::string path);

  const SafetensorsHeader& header() const { return header_; }

  // The bytes of an entry, mapped; the pointer lives as long as mapping(). BOOL entries are checked
  // to hold only 0 and 1.
  const std::byte* map(const TensorEntry& entry);
  const std::shared_ptr<const MappedFile>& mapping() const { return mapping_; }
  bool aligned(const TensorEntry& entry) const;  // its position suits its type

  // Reads an entry into `out`, which has its size. Checks BOOL likewise.
  void read(const TensorEntry& entry, std::byte* out) const;

 private:
  void check_bool(const TensorEntry& entry, const std::byte* bytes) const;

  std::string path_;
  FileDescriptor file_;
  std::uint64_t data_start_ = 0;
  SafetensorsHeader header_;
  std::shared_ptr<const MappedFile> mapping_;
};

struct NamedBytes {
  std::string name;
  DType dtype;
  Shape shape;
  std::span<const std::byte> bytes;  // row-major, as many as the shape needs
};

// Stored in the order of the reference writer: larger elements first, then by name, so that every
// tensor is aligned for its type.
void write_safetensors(const std::string& path, std::vector<NamedBytes> tensors,
                       const Metadata& metadata);

using NamedArrays = std::vector<std::pair<std::string, Array>>;

struct LoadedArrays {
  NamedArrays tensors;
  Metadata metadata;
};

LoadedArrays load_safetensors(const std::string& path, bool copy = false);
void save_safetensors(const std::string& path, const NamedArrays& tensors,
                      const Metadata& metadata = {});

}  // namespace tt::io
