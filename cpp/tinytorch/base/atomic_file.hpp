// Replacing a file so that a reader, or a crash at any moment, sees the old file or the new one,
// whole, and never a mixture.
//
//   temporary file in the same folder -> write -> fsync -> rename over `path` -> fsync of the
//   folder
//
// Promises: until commit() returns, `path` is untouched; a failure or a destroyed AtomicFile
// removes the temporary. A process killed meanwhile leaves `.NAME.<pid>-<n>.tmp` beside the target.
// An existing target keeps its permissions; a symbolic link is followed, not replaced; a folder, a
// device or a pipe is refused. Errors are IoError with errno and `path`.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace tt {

class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  void commit();  // makes the new contents durable and visible; at most once

 private:
  void discard() noexcept;
  [[noreturn]] void fail_with(int code, std::string_view doing);

  std::string path_;       // as given, for messages
  std::string target_;     // symbolic links resolved
  std::string temporary_;  // empty once renamed or removed
  int fd_ = -1;
};

void write_file_atomic(const std::string& path, std::span<const std::byte> bytes);
void write_file_atomic(const std::string& path, std::string_view text);

// Removes what killed writers of `path` left behind and returns how many files that was. Only for a
// caller who knows that nobody else is writing `path` now.
int remove_abandoned_temporaries(const std::string& path);

}  // namespace tt
