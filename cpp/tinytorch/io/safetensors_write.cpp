#include <algorithm>
#include <limits>

#include "tinytorch/base/atomic_file.hpp"
#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/io/json_text.hpp"
#include "tinytorch/io/safetensors.hpp"

namespace tt::io {
namespace {

constexpr std::size_t kWriteBytes = 16u << 20;  // between two looks at Ctrl-C

bool stored_before(const NamedBytes& a, const NamedBytes& b) {
  const std::size_t x = size_of(a.dtype), y = size_of(b.dtype);
  return x != y ? x > y : a.name < b.name;
}

void check_tensor(const NamedBytes& tensor) {
  check_tensor_name(tensor.name);
  const std::size_t wanted = static_cast<std::size_t>(numel(tensor.shape)) * size_of(tensor.dtype);
  if (tensor.bytes.size() != wanted) {
    fail<ValueError>("tensor ", quoted(tensor.name), ": ", name_of(tensor.dtype), " of shape ",
                     to_string(tensor.shape), " needs ", wanted, " bytes, got ",
                     tensor.bytes.size());
  }
}

SafetensorsHeader layout(const std::vector<NamedBytes>& tensors, const Metadata& metadata) {
  if (tensors.size() > kMaxEntries || metadata.size() > kMaxEntries) {
    fail<FormatError>("a safetensors file holds at most ", kMaxEntries,
                      " tensors and as many metadata keys, got ", tensors.size(), " and ",
                      metadata.size());
  }
  SafetensorsHeader header;
  header.metadata = metadata;
  header.entries.reserve(tensors.size());
  std::uint64_t offset = 0;
  for (const NamedBytes& tensor : tensors) {
    check_tensor(tensor);
    header.entries.push_back(
        {tensor.name, tensor.dtype, tensor.shape, offset, offset + tensor.bytes.size()});
    offset += tensor.bytes.size();
  }
  return header;
}

void check_unique(const std::vector<NamedBytes>& tensors) {
  std::vector<std::string_view> names;
  names.reserve(tensors.size());
  for (const NamedBytes& tensor : tensors) names.push_back(tensor.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) {
    fail<ValueError>("two tensors are named ", quoted(*twice), "; names must be unique");
  }
}

}  // namespace

void write_safetensors(const std::string& path, std::vector<NamedBytes> tensors,
                       const Metadata& metadata) {
  check_unique(tensors);
  std::sort(tensors.begin(), tensors.end(), stored_before);
  const std::string header = format_header(layout(tensors, metadata));
  AtomicFile file(path);
  file.write(header);
  for (const NamedBytes& tensor : tensors) {
    for (auto rest = tensor.bytes; !rest.empty();) {
      throw_if_interrupted();
      const std::size_t now = std::min(rest.size(), kWriteBytes);
      file.write(rest.first(now));
      rest = rest.subspan(now);
    }
  }
  file.commit();
}

void save_safetensors(const std::string& path, const NamedArrays& tensors,
                      const Metadata& metadata) {
  std::vector<Array> rows;  // keeps the contiguous forms alive while they are written
  std::vector<NamedBytes> views;
  rows.reserve(tensors.size());
  views.reserve(tensors.size());
  for (const auto& [name, array] : tensors) {
    if (!array.defined()) fail<ValueError>("tensor ", quoted(name), " is undefined");
    rows.push_back(array.contiguous());
    views.push_back({name, array.dtype(), array.shape(), {rows.back().raw(), array.nbytes()}});
  }
  write_safetensors(path, std::move(views), metadata);
}

}  // namespace tt::io
