#include "tinytorch/io/gguf.hpp"

#include <algorithm>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/io/json_text.hpp"

namespace tt::io {
namespace {

constexpr std::size_t kPathBytes = 4096;  // a message shows all of a path
constexpr std::size_t kPieceBytes = 4u << 20;
constexpr index_t kChunkNumbers = 1 << 16;

}  // namespace

GgufFile::GgufFile(std::string path)
    : file_(path), header_(read_gguf_header(file_, "GGUF file " + quoted(path, kPathBytes))) {}

Array GgufFile::read(const GgufTensor& tensor) const {
  switch (tensor.format) {
    case GgufFormat::f32:
      return read_as(tensor, DType::f32);
    case GgufFormat::f16:
      return read_as(tensor, DType::f16).astype(DType::f32);
    case GgufFormat::bf16:
      return read_as(tensor, DType::bf16).astype(DType::f32);
    default:
      return read_blocks(tensor);
  }
}

Array GgufFile::read_as(const GgufTensor& tensor, DType dtype) const {
  Array out = Array::empty(tensor.shape, dtype);
  file_.read(tensor.begin, out.raw(), tensor.end - tensor.begin);
  return out;
}

Array GgufFile::read_blocks(const GgufTensor& tensor) const {
  Array out = Array::empty(tensor.shape, DType::f32);
  const GgufLayout& layout = layout_of(tensor.format);
  const std::size_t most = kPieceBytes / layout.bytes * layout.bytes;
  const std::uint64_t bytes = tensor.end - tensor.begin;
  std::vector<std::byte> piece(std::min<std::uint64_t>(bytes, most));
  float* next = out.data<float>();
  for (std::uint64_t done = 0; done < bytes;) {
    const std::uint64_t now = std::min<std::uint64_t>(bytes - done, most);
    file_.read(tensor.begin + done, piece.data(), now);
    const auto blocks = static_cast<index_t>(now / layout.bytes);
    parallel_for(blocks, kChunkNumbers / layout.block, [&](index_t begin, index_t end) {
      dequantize(tensor.format, piece.data() + static_cast<std::size_t>(begin) * layout.bytes,
                 end - begin, next + begin * layout.block);
    });
    next += blocks * layout.block;
    done += now;
  }
  return out;
}

}  // namespace tt::io
