// Reading GGUF files: metadata, and tensors as float32.
//
// Nothing is mapped: a tensor is read when it is asked for, so that a file which another program
// shortens meanwhile is an IoError. Reads may run in several threads at once.
#pragma once
#include <string>

#include "tinytorch/array/array.hpp"
#include "tinytorch/io/gguf_header.hpp"

namespace tt::io {

class GgufFile {
 public:
  // Reads and checks the header. IoError where the file cannot be read, FormatError where it is
  // not a sound GGUF file.
  explicit GgufFile(std::string path);

  const GgufHeader& header() const { return header_; }
  // The numbers of a tensor of header().tensors as float32; quantized ones as ggml defines them.
  Array read(const GgufTensor& tensor) const;

 private:
  Array read_as(const GgufTensor& tensor, DType dtype) const;
  Array read_blocks(const GgufTensor& tensor) const;

  FileDescriptor file_;
  GgufHeader header_;
};

}  // namespace tt::io
