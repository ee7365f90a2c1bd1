#include "tinytorch/io/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tinytorch/base/error.hpp"
#include "tinytorch/base/interrupt.hpp"

namespace tt::io {
namespace {

constexpr std::uint64_t kReadBytes = 16u << 20;  // between two looks at Ctrl-C

[[noreturn]] void fail_reading(int code, const std::string& path, const std::string& why) {
  throw IoError(code, path, "read", why);
}

}  // namespace

FileDescriptor::FileDescriptor(const std::string& path) : path_(path) {
  if (path.find('\0') != std::string::npos) {
    fail<ValueError>("a file name cannot hold a null byte");
  }
  do {
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe must not block
  } while (fd_ < 0 && errno == EINTR);
  if (fd_ < 0) fail_reading(errno, path, std::strerror(errno));
  struct stat info {};
  const int code = ::fstat(fd_, &info) == 0 ? 0 : errno;
  if (code == 0 && S_ISREG(info.st_mode)) {
    size_ = static_cast<std::uint64_t>(info.st_size);
    return;
  }
  ::close(fd_);
  if (code != 0) fail_reading(code, path, std::strerror(code));
  if (S_ISDIR(info.st_mode)) fail_reading(EISDIR, path, std::strerror(EISDIR));
  fail_reading(EINVAL, path, "it is a device, pipe or socket, not a file");
}

FileDescriptor::~FileDescriptor() { ::close(fd_); }

void FileDescriptor::read(std::uint64_t offset, std::byte* out, std::uint64_t count) const {
  while (count > 0) {
    throw_if_interrupted();
    const ssize_t got = ::pread(fd_, out, static_cast<std::size_t>(std::min(count, kReadBytes)),
                                static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_reading(errno, path_, std::strerror(errno));
    if (got == 0) fail_reading(EIO, path_, "it became shorter while it was read");
    out += got;
    offset += static_cast<std::uint64_t>(got);
    count -= static_cast<std::uint64_t>(got);
  }
}

MappedFile::MappedFile(const FileDescriptor& file, const std::string& path) {
  size_ = static_cast<std::size_t>(file.size());
  if (size_ == 0) return;
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) throw IoError(errno, path, "map", std::strerror(errno));
  data_ = static_cast<const std::byte*>(address);
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace tt::io
