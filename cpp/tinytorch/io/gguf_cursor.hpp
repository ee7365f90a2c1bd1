// Reads the fields at the beginning of a GGUF file one after the other, little-endian, through a
// small window: a field is asked for only after it is known to lie within the file.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tinytorch/base/error.hpp"
#include "tinytorch/io/mapped_file.hpp"

namespace tt::io {

class GgufCursor {
 public:
  // `what` begins every message: "GGUF file 'x'".
  GgufCursor(const FileDescriptor& file, std::string what);

  std::uint64_t at() const { return at_; }  // bytes from the file's beginning

  // `name` says in messages what is read.
  template <class T>
  T number(std::string_view name) {
    T value;
    bytes(name, reinterpret_cast<std::byte*>(&value), sizeof value);
    return value;
  }
  // A length (8 bytes) and as many bytes of UTF-8.
  std::string string(std::string_view name);
  // `count` elements of `size` bytes, as they are stored.
  std::vector<std::byte> elements(std::string_view name, std::uint64_t count, std::size_t size);

  template <class... Args>
  [[noreturn]] void refuse(const Args&... args) const {
    fail<FormatError>(what_, ": ", args..., " (at byte ", at_, ")");
  }

 private:
  void require(std::string_view name, std::uint64_t count, std::size_t size) const;
  void bytes(std::string_view name, std::byte* out, std::uint64_t count);

  const FileDescriptor& file_;
  std::string what_;
  std::uint64_t at_ = 0, window_begin_ = 0, window_end_ = 0;
  std::array<std::byte, 1 << 14> window_;
};

}  // namespace tt::io
