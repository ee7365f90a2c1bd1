#include "tinytorch/io/gguf_cursor.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "tinytorch/io/json_text.hpp"
#include "tinytorch/io/safetensors_header.hpp"

namespace tt::io {

static_assert(std::endian::native == std::endian::little,
              "GGUF fields are used as they are stored");

GgufCursor::GgufCursor(const FileDescriptor& file, std::string what)
    : file_(file), what_(std::move(what)) {}

void GgufCursor::require(std::string_view name, std::uint64_t count, std::size_t size) const {
  const std::uint64_t left = file_.size() - at_;
  if (count > left / size) {
    refuse(name, " needs ", count, size == 1 ? " bytes, but " : " elements, but ", left,
           " bytes follow; is the file truncated?");
  }
  if (count * size > kMaxHeaderBytes - std::min(at_, kMaxHeaderBytes)) {
    refuse(name, " reaches past the first ", kMaxHeaderBytes,
           " bytes, in which the metadata and the list of tensors must lie");
  }
}

void GgufCursor::bytes(std::string_view name, std::byte* out, std::uint64_t count) {
  require(name, count, 1);
  if (count == 0) return;  // `out` may be null
  if (count > window_.size()) {
    file_.read(at_, out, count);
  } else {
    if (at_ < window_begin_ || at_ + count > window_end_) {
      window_begin_ = at_;
      window_end_ = std::min<std::uint64_t>(at_ + window_.size(), file_.size());
      file_.read(window_begin_, window_.data(), window_end_ - window_begin_);
    }
    std::memcpy(out, window_.data() + (at_ - window_begin_), static_cast<std::size_t>(count));
  }
  at_ += count;
}

std::string GgufCursor::string(std::string_view name) {
  const auto length = number<std::uint64_t>(name);
  require(name, length, 1);
  std::string out(static_cast<std::size_t>(length), '\0');
  bytes(name, reinterpret_cast<std::byte*>(out.data()), length);
  if (!is_utf8(out)) refuse(name, ": ", quoted(out), " is not valid UTF-8");
  return out;
}

std::vector<std::byte> GgufCursor::elements(std::string_view name, std::uint64_t count,
                                            std::size_t size) {
  require(name, count, size);
  std::vector<std::byte> out(static_cast<std::size_t>(count) * size);
  bytes(name, out.data(), out.size());
  return out;
}

}  // namespace tt::io
