#include <algorithm>
#include <bit>
#include <cstring>

#include "tinytorch/io/json_text.hpp"
#include "tinytorch/io/safetensors.hpp"

namespace tt::io {

static_assert(std::endian::native == std::endian::little,
              "safetensors data is little-endian and is used in place");

namespace {

constexpr std::size_t kPathBytes = 4096;  // a message shows all of a path

// A view of the mapping, which the storage keeps alive.
Array mapped_array(const TensorEntry& entry, const std::byte* bytes,
                   const std::shared_ptr<const MappedFile>& mapping) {
  using Owner = std::shared_ptr<const MappedFile>;
  auto owner = std::make_unique<Owner>(mapping);
  Storage* storage = Storage::adopt(
      const_cast<std::byte*>(bytes), static_cast<std::size_t>(entry.end - entry.begin), owner.get(),
      [](void* held) { delete static_cast<Owner*>(held); }, /*writable=*/false);
  owner.release();  // the storage has it now
  return Array(StoragePtr(storage), entry.shape, contiguous_strides(entry.shape), 0, entry.dtype);
}

Array copied_array(const SafetensorsFile& file, const TensorEntry& entry) {
  Array out = Array::empty(entry.shape, entry.dtype);
  file.read(entry, out.raw());
  return out;
}

}  // namespace

SafetensorsFile::SafetensorsFile(std::string path) : path_(std::move(path)), file_(path_) {
  const std::string what = "safetensors file " + quoted(path_, kPathBytes);
  if (file_.size() < 8) {
    fail<FormatError>(what, ": ", file_.size(), " bytes cannot hold the header's length (8 bytes)");
  }
  std::uint64_t length = 0;
  file_.read(0, reinterpret_cast<std::byte*>(&length), sizeof length);
  if (length > kMaxHeaderBytes) {
    fail<FormatError>(what, ": a header of ", length, " bytes; at most ", kMaxHeaderBytes,
                      " are allowed. Is it a safetensors file?");
  }
  if (length > file_.size() - 8) {
    fail<FormatError>(what, ": a header of ", length, " bytes, but only ", file_.size() - 8,
                      " follow; is the file truncated?");
  }
  // One byte first, so that a file of another kind is refused without reading its "header".
  std::string json(std::min<std::uint64_t>(length, 1), '\0');
  const auto bytes = [&] { return reinterpret_cast<std::byte*>(json.data()); };
  file_.read(8, bytes(), json.size());
  if (json == "{") {
    json.resize(static_cast<std::size_t>(length));
    file_.read(8, bytes(), length);
  }
  data_start_ = 8 + length;
  header_ = parse_header(json, file_.size() - data_start_, quoted(path_, kPathBytes));
}

bool SafetensorsFile::aligned(const TensorEntry& entry) const {
  return (data_start_ + entry.begin) % size_of(entry.dtype) == 0;
}

const std::byte* SafetensorsFile::map(const TensorEntry& entry) {
  if (!mapping_) mapping_ = std::make_shared<const MappedFile>(file_, path_);
  const std::byte* bytes = mapping_->data() + data_start_ + entry.begin;
  check_bool(entry, bytes);
  return bytes;
}

void SafetensorsFile::read(const TensorEntry& entry, std::byte* out) const {
  file_.read(data_start_ + entry.begin, out, entry.end - entry.begin);
  check_bool(entry, out);
}

// Any other value in a C++ bool is undefined behaviour.
void SafetensorsFile::check_bool(const TensorEntry& entry, const std::byte* bytes) const {
  if (entry.dtype != DType::boolean) return;
  const std::byte* last = bytes + (entry.end - entry.begin);
  const std::byte* bad = std::find_if(bytes, last, [](std::byte b) { return b > std::byte{1}; });
  if (bad != last) {
    fail<FormatError>("safetensors file ", quoted(path_, kPathBytes), ": tensor ",
                      quoted(entry.name), ": BOOL elements are 0 or 1, got ",
                      std::to_integer<int>(*bad), " at element ", bad - bytes);
  }
}

LoadedArrays load_safetensors(const std::string& path, bool copy) {
  SafetensorsFile file(path);
  LoadedArrays out;
  out.metadata = file.header().metadata;
  out.tensors.reserve(file.header().entries.size());
  for (const TensorEntry& entry : file.header().entries) {
    const bool in_place = !copy && file.aligned(entry) && entry.begin != entry.end;
    out.tensors.emplace_back(entry.name, in_place
                                             ? mapped_array(entry, file.map(entry), file.mapping())
                                             : copied_array(file, entry));
  }
  return out;
}

}  // namespace tt::io
