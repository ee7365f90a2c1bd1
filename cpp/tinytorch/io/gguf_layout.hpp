// Where the tensors of a GGUF file lie: offsets as the file states them become checked positions.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tinytorch/io/gguf_header.hpp"

namespace tt::io {

struct GgufSpace {
  std::uint64_t header_end;
  std::uint64_t alignment;  // a power of two
  std::uint64_t file_bytes;
};

// Turns each `begin`, an offset into the data, into a byte of the file, and sets `end`. FormatError
// for names that are not unique, and unless the tensors tile the data, in any order, each at a
// multiple of the alignment, with nothing between them but padding. Padding behind the last one may
// be missing.
void place_tensors(std::vector<GgufTensor>& tensors, const GgufSpace& space,
                   const std::string& what);

}  // namespace tt::io
