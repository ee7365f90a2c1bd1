// An open regular file, and a read-only memory mapping of a whole file. Both close themselves.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace tt::io {

class FileDescriptor {
 public:
  // Opens for reading. IoError unless it is a regular file: a folder, pipe or device is refused
  // without waiting on it.
  explicit FileDescriptor(const std::string& path);
  ~FileDescriptor();
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int get() const { return fd_; }
  std::uint64_t size() const { return size_; }  // when it was opened
  // Fills `out` from `offset`; IoError if the file ends before that.
  void read(std::uint64_t offset, std::byte* out, std::uint64_t count) const;

 private:
  std::string path_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
};

class MappedFile {
 public:
  MappedFile(const FileDescriptor& file, const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return data_; }  // page-aligned

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace tt::io
