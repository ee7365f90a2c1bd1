// What a GGUF file (ggml's format, versions 2 and 3) says before its data, checked completely
// before anything trusts it.
//
//   file   = "GGUF" | version (u32) | tensors (u64) | keys (u64) | key... | tensor... | padding
//            | data
//   key    = name (string) | type (u32) | value
//   tensor = name (string) | dimensions (u32) | size (u64)... | format (u32) | offset (u64)
//   string = length (u64) | bytes          array = type (u32) | count (u64) | value...
//
// All little-endian. Sizes begin with the fastest one, the reverse of a Shape. Data and every
// tensor in it begin at a multiple of `general.alignment` (32 unless given). read_gguf_header()
// promises that names are unique, sizes and offsets do not overflow, and the tensors tile the data
// with nothing between them but padding. Anything else is a FormatError that says what and where.
// Time and memory are O(n) in the bytes before the data, which are at most kMaxHeaderBytes.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tinytorch/io/gguf_blocks.hpp"
#include "tinytorch/io/mapped_file.hpp"

namespace tt::io {

inline constexpr int kMaxGgufDepth = 4;                    // arrays of arrays
inline constexpr std::uint64_t kMaxGgufArrays = 1 << 16;   // inside arrays, all together
inline constexpr std::uint64_t kMaxGgufStrings = 1 << 21;  // likewise: far above any vocabulary

enum class GgufType : std::uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64,
};
std::size_t size_of(GgufType type);  // 0 for strings and arrays

struct GgufArray {
  GgufType item = GgufType::u8;
  std::vector<std::byte> numbers;  // one of these three, by `item`
  std::vector<std::string> strings;
  std::vector<GgufArray> arrays;
};

using GgufValue = std::variant<std::uint64_t, std::int64_t, double, bool, std::string, GgufArray>;

struct GgufTensor {
  std::string name;
  GgufFormat format = GgufFormat::f32;
  Shape shape;
  std::uint64_t begin = 0, end = 0;  // bytes of the file
};

struct GgufHeader {
  std::uint32_t version = 3;
  std::vector<std::pair<std::string, GgufValue>> metadata;  // both in the order of the file
  std::vector<GgufTensor> tensors;
};

// `what` begins every message: "GGUF file 'x'".
GgufHeader read_gguf_header(const FileDescriptor& file, const std::string& what);

}  // namespace tt::io
