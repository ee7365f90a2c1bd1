#include "tinytorch/io/gguf_header.hpp"

#include <algorithm>
#include <limits>
#include <string_view>

#include "tinytorch/io/gguf_cursor.hpp"
#include "tinytorch/io/gguf_layout.hpp"
#include "tinytorch/io/json_text.hpp"
#include "tinytorch/io/safetensors_header.hpp"

namespace tt::io {
namespace {

constexpr std::uint64_t kDefaultAlignment = 32;
constexpr std::uint32_t kMaxGgufDims = 4;

class HeaderReader {
 public:
  HeaderReader(const FileDescriptor& file, const std::string& what) : in_(file, what) {}

  GgufHeader read() {
    const auto [tensors, keys] = counts();
    for (std::uint64_t i = 0; i < keys; ++i) key();
    for (std::uint64_t i = 0; i < tensors; ++i) tensor();
    return std::move(header_);
  }
  std::uint64_t alignment() const { return alignment_; }
  std::uint64_t end() const { return in_.at(); }

 private:
  std::pair<std::uint64_t, std::uint64_t> counts() {
    if (in_.number<std::uint32_t>("the magic number") != 0x46554747u) {
      in_.refuse("it does not begin with 'GGUF'; is it a GGUF file?");
    }
    header_.version = in_.number<std::uint32_t>("the version");
    if (header_.version != 2 && header_.version != 3) {
      const bool swapped = header_.version != 0 && (header_.version & 0xffff) == 0;
      in_.refuse("version ", header_.version,
                 swapped ? " is that of a big-endian file; only little-endian ones can be read"
                         : " is not supported; 2 and 3 are");
    }
    const auto tensors = in_.number<std::uint64_t>("the number of tensors");
    const auto keys = in_.number<std::uint64_t>("the number of keys");
    if (tensors > kMaxEntries || keys > kMaxEntries) {
      in_.refuse(tensors, " tensors and ", keys, " keys; at most ", kMaxEntries,
                 " of each are allowed");
    }
    return {tensors, keys};
  }

  std::string name(std::string_view what) {
    std::string out = in_.string(what);
    if (out.find('\0') != out.npos) {
      in_.refuse(what, ": ", quoted(out), " holds a null character");
    }
    return out;
  }

  void key() {
    std::string key = name("a key");
    const GgufType type = value_type(key);
    GgufValue value = this->value(key, type);
    if (key == "general.alignment") set_alignment(type, value);
    header_.metadata.emplace_back(std::move(key), std::move(value));
  }

  void set_alignment(GgufType type, const GgufValue& value) {
    const auto* given = std::get_if<std::uint64_t>(&value);
    if (type != GgufType::u32 || *given == 0 || (*given & (*given - 1)) != 0) {
      in_.refuse("general.alignment must be a power of two, of type u32");
    }
    alignment_ = *given;
  }

  GgufType value_type(const std::string& key) {
    const auto type = in_.number<std::uint32_t>("the type of a value");
    if (type > static_cast<std::uint32_t>(GgufType::f64)) {
      in_.refuse("key ", quoted(key), ": unknown type ", type, "; types are 0 to 12");
    }
    return static_cast<GgufType>(type);
  }

  GgufValue value(const std::string& key, GgufType type) {
    const auto number = [&]<class T, class As>(T, As) {
      return GgufValue(static_cast<As>(in_.number<T>("a value")));
    };
    switch (type) {
      case GgufType::u8:
        return number(std::uint8_t{}, std::uint64_t{});
      case GgufType::u16:
        return number(std::uint16_t{}, std::uint64_t{});
      case GgufType::u32:
        return number(std::uint32_t{}, std::uint64_t{});
      case GgufType::u64:
        return number(std::uint64_t{}, std::uint64_t{});
      case GgufType::i8:
        return number(std::int8_t{}, std::int64_t{});
      case GgufType::i16:
        return number(std::int16_t{}, std::int64_t{});
      case GgufType::i32:
        return number(std::int32_t{}, std::int64_t{});
      case GgufType::i64:
        return number(std::int64_t{}, std::int64_t{});
      case GgufType::f32:
        return number(float{}, double{});
      case GgufType::f64:
        return number(double{}, double{});
      case GgufType::string:
        return in_.string("a text");
      case GgufType::array:
        return array(key, 1);
      case GgufType::boolean:
        break;
    }
    const auto byte = in_.number<std::uint8_t>("a value");
    check_bool(key, byte);
    return byte == 1;
  }

  // Any other value in a C++ bool is undefined behaviour.
  void check_bool(const std::string& key, unsigned byte) {
    if (byte > 1) in_.refuse("key ", quoted(key), ": a bool is 0 or 1, got ", byte);
  }

  GgufArray array(const std::string& key, int depth) {
    if (depth > kMaxGgufDepth) {
      in_.refuse("key ", quoted(key), ": arrays are nested more than ", kMaxGgufDepth, " deep");
    }
    GgufArray out;
    out.item = value_type(key);
    const auto count = in_.number<std::uint64_t>("the length of an array");
    if (out.item == GgufType::string) {
      spend(strings_, count, kMaxGgufStrings, key, "texts");
      for (std::uint64_t i = 0; i < count; ++i) out.strings.push_back(in_.string("a text"));
    } else if (out.item == GgufType::array) {
      spend(arrays_, count, kMaxGgufArrays, key, "arrays");
      for (std::uint64_t i = 0; i < count; ++i) out.arrays.push_back(array(key, depth + 1));
    } else {
      out.numbers = in_.elements("an array", count, size_of(out.item));
      if (out.item != GgufType::boolean) return out;
      for (const std::byte b : out.numbers) check_bool(key, std::to_integer<unsigned>(b));
    }
    return out;
  }

  void spend(std::uint64_t& spent, std::uint64_t count, std::uint64_t most, const std::string& key,
             std::string_view of) {
    if (count > most - spent) {
      in_.refuse("key ", quoted(key), ": an array of ", count, " ", of, "; the file may have ",
                 most, " in all");
    }
    spent += count;
  }

  void tensor() {
    GgufTensor tensor;
    tensor.name = name("the name of a tensor");
    const auto dims = in_.number<std::uint32_t>("the number of dimensions");
    if (dims > kMaxGgufDims) {
      in_.refuse("tensor ", quoted(tensor.name), ": ", dims, " dimensions; at most ", kMaxGgufDims,
                 " are allowed");
    }
    tensor.shape = Shape(static_cast<int>(dims));
    for (int d = tensor.shape.size() - 1; d >= 0; --d) {
      const auto size = in_.number<std::uint64_t>("a size");
      if (size > static_cast<std::uint64_t>(std::numeric_limits<index_t>::max())) {
        in_.refuse("tensor ", quoted(tensor.name), ": a size of ", size, " is too large");
      }
      tensor.shape[d] = static_cast<index_t>(size);
    }
    const auto format = in_.number<std::uint32_t>("the format of a tensor");
    const GgufLayout* layout = layout_of(format);
    if (!layout) {
      in_.refuse("tensor ", quoted(tensor.name), ": format ", format_text(format),
                 " cannot be read; ", readable_formats(), " can");
    }
    tensor.format = layout->format;
    tensor.begin = in_.number<std::uint64_t>("the offset of a tensor");
    header_.tensors.push_back(std::move(tensor));
  }

  GgufCursor in_;
  GgufHeader header_;
  std::uint64_t alignment_ = kDefaultAlignment, strings_ = 0, arrays_ = 0;
};

// By sorting: a hash table would let a crafted file choose colliding names.
void check_unique(const GgufHeader& header, const std::string& what) {
  std::vector<std::string_view> names;
  names.reserve(header.metadata.size());
  for (const auto& [key, value] : header.metadata) names.push_back(key);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) {
    fail<FormatError>(what, ": key ", quoted(*twice), " appears twice");
  }
}

}  // namespace

std::size_t size_of(GgufType type) {
  constexpr std::size_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return sizes[static_cast<int>(type)];
}

GgufHeader read_gguf_header(const FileDescriptor& file, const std::string& what) {
  HeaderReader reader(file, what);
  GgufHeader header = reader.read();
  check_unique(header, what);
  place_tensors(header.tensors, {reader.end(), reader.alignment(), file.size()}, what);
  return header;
}

}  // namespace tt::io
