// Block sparse matrix (out, in): blocks of `depth` inputs (1 or 4) by 16 outputs, so that one input
// meets 16 neighbouring outputs in vector registers. A band is 16 outputs; its blocks are stored in
// rising order of input:
//   band_pointers int32 (bands + 1,), block_bytes uint8 (blocks, index bytes) little-endian,
//   values float32 or int8 (blocks, depth, 16), int8 with one float scale per output.
// Blocks at the edges are filled up with zeros.
#pragma once
#include <cstddef>
#include <cstdint>

#include "tinytorch/array/array.hpp"

namespace tt::sparse {

class BsrMatrix {
 public:
  static constexpr index_t kBand = 16;

  // Blocks holding a non-zero. weight (out, in) float32, or int8 with scales (out,).
  static BsrMatrix from_dense(const Array& weight, index_t depth, const Array& scales = Array());
  // From stored parts, all checked.
  BsrMatrix(index_t rows, index_t columns, index_t depth, const Array& band_pointers,
            const Array& block_bytes, const Array& values, const Array& scales);

  index_t rows() const { return rows_; }
  index_t columns() const { return columns_; }
  index_t depth() const { return depth_; }
  index_t bands() const { return (rows_ + kBand - 1) / kBand; }
  index_t blocks() const { return values_.shape(0); }
  bool is_int8() const { return values_.dtype() == DType::i8; }
  const Array& band_pointers() const { return band_pointers_; }
  const Array& block_bytes() const { return block_bytes_; }
  const Array& values() const { return values_; }
  const Array& scales() const { return scales_; }

  std::int32_t first_block(index_t band) const { return band_pointers_.data<std::int32_t>()[band]; }
  index_t block_index(index_t block) const;  // first input of the block, divided by depth
  Array to_dense() const;
  std::size_t stored_bytes() const;

 private:
  index_t rows_, columns_, depth_;
  int index_bytes_;
  Array band_pointers_, block_bytes_, values_, scales_;
};

// y = x W^T + b. Sums run over inputs in rising order: bit-equal for any number of threads, and for
// a row alone or in a batch; with int8 values bit-equal to quant::LinearInt8 on the same weights.
class LinearBsr {
 public:
  LinearBsr(const BsrMatrix& weight, const Array& bias, float input_scale = 0.0f);

  Array forward(const Array& x) const;  // (..., in) -> (..., out)

  const BsrMatrix& weight() const { return weight_; }
  const Array& bias() const { return bias_; }
  float input_scale() const { return input_scale_; }
  std::size_t stored_bytes() const;

 private:
  BsrMatrix weight_;
  Array bias_;
  float input_scale_;
};

}  // namespace tt::sparse
