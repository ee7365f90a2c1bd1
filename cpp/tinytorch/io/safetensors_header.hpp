// The header of a safetensors file, checked completely before anything trusts it.
//
//   file   = length (8 bytes, little-endian) | header (JSON, `length` bytes) | data
//   header = {"__metadata__": {string: string},
//             name: {"dtype": "F32", "shape": [n, ...], "data_offsets": [begin, end]}, ...}
//
// Offsets count from the start of data. parse_header() promises that names are unique, sizes and
// offsets do not overflow, end - begin is the size of the shape, and the entries tile [0, data)
// without a hole or an overlap. Anything else is a FormatError that names the tensor and the rule.
// Time is O(n log n) in the header's length, whatever it holds.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tinytorch/base/dims.hpp"
#include "tinytorch/base/dtype.hpp"

namespace tt::io {

inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
inline constexpr std::size_t kMaxEntries = 65'536;  // tensors, and likewise metadata keys

using Metadata = std::map<std::string, std::string>;

struct TensorEntry {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::uint64_t begin = 0, end = 0;  // bytes into data
};

struct SafetensorsHeader {
  std::vector<TensorEntry> entries;  // in the order of the header
  Metadata metadata;
};

// `json` is the header without its length; `data_bytes` what follows it; `file` is for messages.
SafetensorsHeader parse_header(std::string_view json, std::uint64_t data_bytes,
                               std::string_view file);

// Length and JSON, padded with spaces so that data begins at a multiple of 8.
std::string format_header(const SafetensorsHeader& header);

void check_tensor_name(std::string_view name);  // FormatError: "__metadata__", or a null character

std::string_view format_name_of(DType dtype);  // "F32", "BF16", "BOOL", ...

}  // namespace tt::io
