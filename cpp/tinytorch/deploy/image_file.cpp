#include "tinytorch/deploy/image_file.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

#include "tinytorch/base/error.hpp"

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#endif
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_PNG
#define STBI_ONLY_PNM
#define STBI_NO_STDIO
#define STBI_MAX_DIMENSIONS 16384
#include <stb_image.h>
#define STB_IMAGE_RESIZE_STATIC
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#include <stb_image_resize.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

namespace tt::deploy {
namespace {

constexpr std::streamoff kMaxBytes = 256 << 20;
constexpr int kChannels = 3;

using Bytes = std::vector<std::uint8_t>;

Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw IoError(errno, path, "read", std::strerror(errno));
  const std::streamoff size = file.tellg();
  if (size < 0 || size > kMaxBytes) fail<FormatError>(path, " is larger than 256 MB");
  Bytes bytes(static_cast<std::size_t>(size));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes.data()), size);
  if (!file) throw IoError(EIO, path, "read", std::strerror(EIO));
  return bytes;
}

// Where the pixels of a PPM or PGM begin: after "P6", three numbers, comments between them, and one
// space. Beyond the end where there are no such.
std::size_t pnm_header(const Bytes& bytes) {
  std::size_t at = 2;
  for (int field = 0; field < 3; ++field) {
    while (at < bytes.size() && (std::isspace(bytes[at]) != 0 || bytes[at] == '#')) {
      const bool comment = bytes[at++] == '#';
      while (comment && at < bytes.size() && bytes[at] != '\n') ++at;
    }
    while (at < bytes.size() && std::isdigit(bytes[at]) != 0) ++at;
  }
  return at + 1;
}

// stb_image does not look whether a PPM or PGM is cut off.
void check_whole(const Bytes& bytes, const std::string& path) {
  if (bytes.size() < 2 || bytes[0] != 'P' || (bytes[1] != '5' && bytes[1] != '6')) return;
  int w = 0, h = 0, channels = 0;
  const int size = static_cast<int>(bytes.size());
  if (stbi_info_from_memory(bytes.data(), size, &w, &h, &channels) == 0) return;
  const std::size_t depth = stbi_is_16_bit_from_memory(bytes.data(), size) != 0 ? 2 : 1;
  const std::size_t pixels = static_cast<std::size_t>(w) * static_cast<std::size_t>(h);
  const std::size_t wanted = pixels * static_cast<std::size_t>(channels) * depth;
  const std::size_t header = pnm_header(bytes);
  if (header > bytes.size() || bytes.size() - header < wanted) {
    fail<FormatError>(path, ": is cut off: ", w, " x ", h, " pixels need ", wanted, " bytes");
  }
}

Array planes(const std::uint8_t* pixels, index_t height, index_t width) {
  const Array out = Array::empty({kChannels, height, width}, DType::u8);
  for (index_t p = 0; p < height * width; ++p) {
    for (index_t c = 0; c < kChannels; ++c) {
      out.data<std::uint8_t>()[c * height * width + p] = pixels[p * kChannels + c];
    }
  }
  return out;
}

// The middle of w x h pixels, in the proportion of the result.
Bytes resized(const std::uint8_t* pixels, int w, int h, int height, int width) {
  const auto cut = [](std::int64_t side, std::int64_t other, std::int64_t part,
                      std::int64_t whole) {
    return static_cast<int>(std::clamp<std::int64_t>(other * part / whole, 1, side));
  };
  const int used_w = cut(w, h, width, height), used_h = cut(h, w, height, width);
  const int left = (w - used_w) / 2, top = (h - used_h) / 2;
  Bytes out(static_cast<std::size_t>(kChannels) * static_cast<std::size_t>(height * width));
  const std::uint8_t* from = pixels + (static_cast<std::int64_t>(top) * w + left) * kChannels;
  if (stbir_resize_uint8(from, used_w, used_h, w * kChannels, out.data(), width, height, 0,
                         kChannels) == 0) {
    fail<Error>("out of memory while an image was resized");
  }
  return out;
}

}  // namespace

Array read_image(const std::string& path, index_t height, index_t width) {
  const Bytes bytes = read_file(path);
  check_whole(bytes, path);
  int w = 0, h = 0, channels = 0;
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_memory(bytes.data(), static_cast<int>(bytes.size()), &w, &h, &channels,
                            kChannels),
      stbi_image_free);
  if (pixels == nullptr) {
    const index_t wanted = kChannels * height * width;
    if (static_cast<index_t>(bytes.size()) != wanted) {
      fail<FormatError>(path, ": neither a PNG, PPM or PGM picture (", stbi_failure_reason(),
                        ") nor ", wanted, " raw bytes, but ", bytes.size());
    }
    const Array raw = Array::empty({kChannels, height, width}, DType::u8);
    std::copy(bytes.begin(), bytes.end(), raw.data<std::uint8_t>());
    return raw;
  }
  if (h == height && w == width) return planes(pixels.get(), height, width);
  const Bytes made = resized(pixels.get(), w, h, static_cast<int>(height), static_cast<int>(width));
  return planes(made.data(), height, width);
}

}  // namespace tt::deploy
