#include "tinytorch/io/gguf_layout.hpp"

#include <algorithm>
#include <numeric>

#include "tinytorch/io/json_text.hpp"

namespace tt::io {
namespace {

constexpr std::uint64_t kMaxTensorBytes = std::uint64_t{1} << 56;  // as numel() allows

class Placement {
 public:
  Placement(std::vector<GgufTensor>& tensors, const GgufSpace& space, const std::string& what)
      : tensors_(tensors), order_(tensors.size()), alignment_(space.alignment), what_(what) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    // The padding before the data may be missing where there is none.
    data_start_ = std::min(aligned(space.header_end), space.file_bytes);
    data_bytes_ = space.file_bytes - data_start_;
  }

  void run() {
    unique_names();
    for (GgufTensor& tensor : tensors_) set_end(tensor);
    tiles_data();
    for (GgufTensor& tensor : tensors_) {
      tensor.begin += data_start_;
      tensor.end += data_start_;
    }
  }

 private:
  template <class... Args>
  [[noreturn]] void refuse(const GgufTensor& tensor, const Args&... args) const {
    fail<FormatError>(what_, ": tensor ", quoted(tensor.name), ": ", args...);
  }

  std::uint64_t aligned(std::uint64_t at) const {  // no overflow: positions of a file are < 2^63
    return (at + alignment_ - 1) / alignment_ * alignment_;
  }

  void unique_names() {
    std::sort(order_.begin(), order_.end(),
              [&](std::size_t a, std::size_t b) { return tensors_[a].name < tensors_[b].name; });
    for (std::size_t i = 1; i < order_.size(); ++i) {
      if (tensors_[order_[i - 1]].name == tensors_[order_[i]].name) {
        refuse(tensors_[order_[i]], "appears twice");
      }
    }
  }

  std::uint64_t bytes_of(const GgufTensor& tensor) const {
    const GgufLayout& layout = layout_of(tensor.format);
    const index_t row = tensor.shape.empty() ? 1 : tensor.shape.back();
    if (row % layout.block != 0) {
      refuse(tensor, "rows of ", row, " numbers, but ", layout.name, " has blocks of ",
             layout.block);
    }
    // Zeros are left out so that [2^40, 2^40, 0] is refused: its strides would overflow.
    std::uint64_t numbers = sizeof(float);
    bool empty = false;
    for (const index_t n : tensor.shape) {
      empty = empty || n == 0;
      if (n != 0 && (__builtin_mul_overflow(numbers, static_cast<std::uint64_t>(n), &numbers) ||
                     numbers > kMaxTensorBytes)) {
        refuse(tensor, "shape ", to_string(tensor.shape), " has too many elements");
      }
    }
    if (empty) return 0;
    return numbers / sizeof(float) / static_cast<std::uint64_t>(layout.block) * layout.bytes;
  }

  void set_end(GgufTensor& tensor) const {
    const std::uint64_t bytes = bytes_of(tensor);
    if (tensor.begin % alignment_ != 0) {
      refuse(tensor, "offset ", tensor.begin, " is not a multiple of the alignment ", alignment_);
    }
    if (tensor.begin > data_bytes_ || bytes > data_bytes_ - tensor.begin) {
      refuse(tensor, bytes, " bytes at offset ", tensor.begin, " reach past the ", data_bytes_,
             " bytes of data; is the file truncated?");
    }
    tensor.end = tensor.begin + bytes;
  }

  void tiles_data() {
    std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
      const GgufTensor &x = tensors_[a], &y = tensors_[b];
      return x.begin != y.begin ? x.begin < y.begin : x.end < y.end;
    });
    std::uint64_t covered = 0;
    for (const std::size_t i : order_) {
      const GgufTensor& tensor = tensors_[i];
      if (tensor.begin != covered) {
        refuse(tensor, "begins at offset ", tensor.begin, ", but the one before it ends at ",
               covered, " with its padding");
      }
      covered = aligned(tensor.end);
    }
    if (data_bytes_ > covered) {
      fail<FormatError>(what_, ": the tensors end at offset ", covered, ", but there are ",
                        data_bytes_, " bytes of data");
    }
  }

  std::vector<GgufTensor>& tensors_;
  std::vector<std::size_t> order_;
  std::uint64_t alignment_, data_start_ = 0, data_bytes_ = 0;
  const std::string& what_;
};

}  // namespace

void place_tensors(std::vector<GgufTensor>& tensors, const GgufSpace& space,
                   const std::string& what) {
  Placement(tensors, space, what).run();
}

}  // namespace tt::io
