#include "tinytorch/io/safetensors_header.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "tinytorch/io/json_text.hpp"

namespace tt::io {
namespace {

constexpr std::string_view kMetadataKey = "__metadata__";
constexpr std::uint64_t kMaxTensorBytes = std::uint64_t{1} << 56;  // as numel() allows
constexpr std::string_view kFormatNames[] = {"F32", "F64", "BF16", "F16", "I64",
                                             "I32", "I8",  "U8",   "BOOL"};

class HeaderParser {
 public:
  HeaderParser(std::string_view json, std::string what) : json_(json, std::move(what)) {}

  SafetensorsHeader parse() {
    bool metadata_seen = false;
    json_.object([&](std::string key) {
      if (key != kMetadataKey) {
        tensor(std::move(key));
      } else if (std::exchange(metadata_seen, true)) {
        json_.refuse("duplicate key ", quoted(key));
      } else {
        metadata();
      }
    });
    json_.end();
    return std::move(header_);
  }

 private:
  void metadata() {
    json_.object([&](std::string key) {
      if (header_.metadata.size() == kMaxEntries) {
        json_.refuse("more than ", kMaxEntries, " metadata keys");
      }
      const auto [place, added] = header_.metadata.try_emplace(std::move(key));
      if (!added) json_.refuse("duplicate metadata key ", quoted(place->first));
      place->second = json_.string();
    });
  }

  void tensor(std::string name) {
    if (header_.entries.size() == kMaxEntries) {
      json_.refuse("more than ", kMaxEntries, " tensors");
    }
    if (name.find('\0') != name.npos) {
      json_.refuse("the tensor name ", quoted(name), " holds a null character");
    }
    TensorEntry entry;
    entry.name = std::move(name);
    bool dtype = false, shape = false, offsets = false;
    const auto once = [&](bool& seen, const std::string& key) {
      if (std::exchange(seen, true)) {
        json_.refuse("tensor ", quoted(entry.name), ": duplicate key ", quoted(key));
      }
    };
    json_.object([&](std::string key) {
      if (key == "dtype") {
        once(dtype, key);
        entry.dtype = read_dtype(entry.name);
      } else if (key == "shape") {
        once(shape, key);
        read_shape(entry);
      } else if (key == "data_offsets") {
        once(offsets, key);
        read_offsets(entry);
      } else {
        json_.refuse("tensor ", quoted(entry.name), ": unknown key ", quoted(key),
                     "; allowed are dtype, shape, data_offsets");
      }
    });
    if (!dtype || !shape || !offsets) {
      json_.refuse("tensor ", quoted(entry.name), ": missing ",
                   !dtype ? "dtype" : (!shape ? "shape" : "data_offsets"));
    }
    header_.entries.push_back(std::move(entry));
  }

  DType read_dtype(const std::string& name) {
    const std::string text = json_.string();
    const auto* place = std::find(std::begin(kFormatNames), std::end(kFormatNames), text);
    if (place == std::end(kFormatNames)) {
      json_.refuse("tensor ", quoted(name), ": dtype ", quoted(text),
                   " is not supported; supported are F64, F32, F16, BF16, I64, I32, I8, U8, BOOL");
    }
    return static_cast<DType>(place - std::begin(kFormatNames));
  }

  void read_shape(TensorEntry& entry) {
    json_.array([&] {
      const std::uint64_t size = json_.unsigned_int();
      if (size > static_cast<std::uint64_t>(std::numeric_limits<index_t>::max())) {
        json_.refuse("tensor ", quoted(entry.name), ": a size of ", size, " is too large");
      }
      if (entry.shape.size() == kMaxDims) {
        json_.refuse("tensor ", quoted(entry.name), ": more than ", kMaxDims, " dimensions");
      }
      entry.shape.push_back(static_cast<index_t>(size));
    });
  }

  void read_offsets(TensorEntry& entry) {
    int count = 0;
    json_.array([&] {
      const std::uint64_t offset = json_.unsigned_int();
      if (count == 0) entry.begin = offset;
      if (count == 1) entry.end = offset;
      if (++count > 2) json_.refuse("tensor ", quoted(entry.name), ": more than two data_offsets");
    });
    if (count != 2) json_.refuse("tensor ", quoted(entry.name), ": data_offsets needs two numbers");
  }

  JsonCursor json_;
  SafetensorsHeader header_;
};

// Checks what parse_header() promises about sizes; parsing has checked the form.
class LayoutCheck {
 public:
  LayoutCheck(const std::vector<TensorEntry>& entries, std::uint64_t data_bytes, std::string what)
      : entries_(entries), order_(entries.size()), data_bytes_(data_bytes), what_(std::move(what)) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
  }

  void run() {
    unique_names();
    for (const TensorEntry& entry : entries_) size_matches_shape(entry);
    tiles_data();
  }

 private:
  template <class... Args>
  [[noreturn]] void refuse(const TensorEntry& entry, const Args&... args) const {
    fail<FormatError>(what_, ": tensor ", quoted(entry.name), ": ", args...);
  }

  // By sorting: a hash table would let a crafted file choose colliding names.
  void unique_names() {
    std::sort(order_.begin(), order_.end(),
              [&](std::size_t a, std::size_t b) { return entries_[a].name < entries_[b].name; });
    for (std::size_t i = 1; i < order_.size(); ++i) {
      if (entries_[order_[i - 1]].name == entries_[order_[i]].name) {
        refuse(entries_[order_[i]], "appears twice");
      }
    }
  }

  void size_matches_shape(const TensorEntry& entry) const {
    // Zeros are left out so that [2^40, 2^40, 0] is refused: its strides would overflow.
    std::uint64_t bytes = size_of(entry.dtype);
    bool empty = false;
    for (const index_t n : entry.shape) {
      empty = empty || n == 0;
      if (n != 0 && (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(n), &bytes) ||
                     bytes > kMaxTensorBytes)) {
        refuse(entry, "shape ", to_string(entry.shape), " has too many elements");
      }
    }
    if (empty) bytes = 0;
    if (entry.begin > entry.end) {
      refuse(entry, "data_offsets [", entry.begin, ", ", entry.end, "] run backwards");
    }
    if (entry.end > data_bytes_) {
      refuse(entry, "data_offsets [", entry.begin, ", ", entry.end, "] reach past the ",
             data_bytes_, " bytes of data; is the file truncated?");
    }
    if (entry.end - entry.begin != bytes) {
      refuse(entry, "data_offsets span ", entry.end - entry.begin, " bytes, but ",
             format_name_of(entry.dtype), " of shape ", to_string(entry.shape), " needs ", bytes);
    }
  }

  void tiles_data() {
    std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
      const TensorEntry &x = entries_[a], &y = entries_[b];
      return x.begin != y.begin ? x.begin < y.begin : x.end < y.end;
    });
    std::uint64_t covered = 0;
    for (const std::size_t i : order_) {
      const TensorEntry& entry = entries_[i];
      if (entry.begin < covered) {
        refuse(entry, "begins at byte ", entry.begin,
               ", inside the tensor before it, which ends at ", covered);
      }
      if (entry.begin > covered) {
        refuse(entry, "begins at byte ", entry.begin, ", leaving a hole after byte ", covered);
      }
      covered = entry.end;
    }
    if (covered != data_bytes_) {
      fail<FormatError>(what_, ": the tensors end at byte ", covered, ", but ", data_bytes_,
                        " bytes of data follow the header");
    }
  }

  const std::vector<TensorEntry>& entries_;
  std::vector<std::size_t> order_;
  std::uint64_t data_bytes_;
  std::string what_;
};

void append_entry(std::string& out, const TensorEntry& entry) {
  out += to_json_string(entry.name) + ":{\"dtype\":\"" + std::string(format_name_of(entry.dtype)) +
         "\",\"shape\":[";
  for (int d = 0; d < entry.shape.size(); ++d) {
    if (d) out += ',';
    out += std::to_string(entry.shape[d]);
  }
  out += concat("],\"data_offsets\":[", entry.begin, ",", entry.end, "]}");
}

}  // namespace

void check_tensor_name(std::string_view name) {
  if (name == kMetadataKey) fail<FormatError>("a tensor cannot be named '__metadata__'");
  if (name.find('\0') != name.npos) {
    fail<FormatError>("the tensor name ", quoted(name), " holds a null character");
  }
}

std::string_view format_name_of(DType dtype) { return kFormatNames[static_cast<int>(dtype)]; }

SafetensorsHeader parse_header(std::string_view json, std::uint64_t data_bytes,
                               std::string_view file) {
  const std::string what = "safetensors file " + std::string(file);
  if (json.empty() || json.front() != '{') {
    fail<FormatError>(what, ": the header does not begin with '{'; is it a safetensors file?");
  }
  SafetensorsHeader header = HeaderParser(json, what).parse();
  LayoutCheck(header.entries, data_bytes, what).run();
  return header;
}

std::string format_header(const SafetensorsHeader& header) {
  std::string json = "{";
  if (!header.metadata.empty()) {
    json += to_json_string(kMetadataKey) + ":{";
    for (const auto& [key, value] : header.metadata) {
      if (json.back() != '{') json += ',';
      json += to_json_string(key) + ':' + to_json_string(value);
    }
    json += '}';
  }
  for (const TensorEntry& entry : header.entries) {
    if (json.size() > 1) json += ',';
    append_entry(json, entry);
  }
  json += '}';
  json.resize((json.size() + 7) / 8 * 8, ' ');
  if (json.size() > kMaxHeaderBytes) {
    fail<FormatError>("the names, shapes and metadata take ", json.size(),
                      " bytes; a safetensors header holds at most ", kMaxHeaderBytes);
  }
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(json.size() >> (8 * i) & 0xff);
  return out + json;
}

}  // namespace tt::io
