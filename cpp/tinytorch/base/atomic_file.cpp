#include "tinytorch/base/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "tinytorch/base/error.hpp"

namespace tt {
namespace {

namespace fs = std::filesystem;

template <class Call>
auto retry_on_signal(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

fs::path folder_of(const fs::path& path) {
  const fs::path folder = path.parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

// The first 200 bytes of the name: the temporary must fit into NAME_MAX whenever the target does.
std::string temporary_prefix(const fs::path& target) {
  return concat(".", target.filename().string().substr(0, 200), ".");
}

std::string unique_temporary(const fs::path& target) {
  static std::atomic<unsigned> counter{0};
  return (folder_of(target) / concat(temporary_prefix(target), ::getpid(), "-", counter++, ".tmp"))
      .string();
}

// A rename is durable once its folder is. Some file systems cannot sync a folder and say EINVAL;
// there is nothing more to be done on those.
int sync_folder(const fs::path& folder) {
  const int fd =
      retry_on_signal([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (fd < 0) return errno == EACCES ? 0 : errno;  // writable but not listable: allowed
  const int code = retry_on_signal([&] { return ::fsync(fd); }) == 0 ? 0 : errno;
  ::close(fd);
  return code == EINVAL || code == ENOTSUP ? 0 : code;
}

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)), target_(path_) {
  if (path_.find('\0') != std::string::npos) {
    fail<ValueError>("a file name cannot hold a null byte");
  }
  std::error_code ignored;
  if (fs::is_symlink(path_, ignored)) {
    const fs::path resolved = fs::weakly_canonical(path_, ignored);
    if (!resolved.empty()) target_ = resolved.string();
  }
  struct stat existing {};
  const bool exists = ::stat(target_.c_str(), &existing) == 0;
  if (path_.empty()) fail_with(ENOENT, "write");
  if (path_.back() == '/' || (exists && S_ISDIR(existing.st_mode))) fail_with(EISDIR, "write");
  if (exists && !S_ISREG(existing.st_mode)) {
    throw IoError(EOPNOTSUPP, path_, "replace", "it is a device, pipe or socket, not a file");
  }
  do {
    temporary_ = unique_temporary(target_);
    fd_ = retry_on_signal(
        [&] { return ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); });
  } while (fd_ < 0 && errno == EEXIST);
  if (fd_ < 0) {
    temporary_.clear();
    fail_with(errno, "write");
  }
  // EPERM, ENOTSUP: a file system without permissions.
  if (exists && ::fchmod(fd_, existing.st_mode & 07777) != 0 && errno != EPERM &&
      errno != ENOTSUP) {
    fail_with(errno, "write");
  }
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::write(std::span<const std::byte> bytes) {
  if (fd_ < 0) fail<StateError>("'", path_, "' was already committed or has failed");
  while (!bytes.empty()) {
    const ssize_t written =
        retry_on_signal([&] { return ::write(fd_, bytes.data(), bytes.size()); });
    if (written < 0) fail_with(errno, "write");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void AtomicFile::commit() {
  if (fd_ < 0) fail<StateError>("'", path_, "' was already committed or has failed");
  if (retry_on_signal([&] { return ::fsync(fd_); }) != 0) fail_with(errno, "write");
  if (::close(std::exchange(fd_, -1)) != 0 && errno != EINTR) fail_with(errno, "write");
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail_with(errno, "replace");
  temporary_.clear();
  if (const int code = sync_folder(folder_of(target_)); code != 0)
    fail_with(code, "sync the folder of");
}

void AtomicFile::discard() noexcept {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  temporary_.clear();
}

void AtomicFile::fail_with(int code, std::string_view doing) {
  discard();
  std::string why = std::strerror(code);
  if (code == ENOENT) why += "; create the folder first";
  throw IoError(code, path_, std::string(doing), why);
}

void write_file_atomic(const std::string& path, std::span<const std::byte> bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

void write_file_atomic(const std::string& path, std::string_view text) {
  write_file_atomic(path, std::as_bytes(std::span(text)));
}

int remove_abandoned_temporaries(const std::string& path) {
  std::error_code error;
  fs::path target = path;
  if (fs::is_symlink(target, error)) target = fs::weakly_canonical(target, error);
  const std::string prefix = temporary_prefix(target);
  int removed = 0;
  for (fs::directory_iterator entry(folder_of(target), error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix) || !name.ends_with(".tmp")) continue;
    // Between the two: <pid>-<n>, so that a target 'a' never claims the temporaries of 'a.b'.
    const std::string_view middle =
        std::string_view(name).substr(prefix.size(), name.size() - prefix.size() - 4);
    if (middle.find_first_not_of("0123456789-") != std::string_view::npos) continue;
    if (std::error_code ignored; fs::remove(entry->path(), ignored)) ++removed;
  }
  return removed;
}

}  // namespace tt
