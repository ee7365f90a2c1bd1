// Compressed sparse rows. Row r holds values [row_pointers[r], row_pointers[r + 1]) in rising order
// of column. Column indices take 1 byte up to 256 columns, 2 up to 65,536, else 4, so the bytes of
// a matrix with z non-zeros are z (value + index) + 4 (rows + 1).
#pragma once
#include "tinytorch/sparse/sparse_rows.hpp"

namespace tt::sparse {

class CsrMatrix : public SparseRows {
 public:
  // The non-zeros of float32 weights, or of int8 weights with row scales.
  static CsrMatrix from_dense(const Array& weight, const Array& scales = Array());
  // From stored parts, all checked. row_pointers int32 (rows + 1,); columns uint8 (z, index bytes),
  // little-endian; values float32 or int8 (z,).
  CsrMatrix(index_t rows, index_t columns, const Array& row_pointers, const Array& column_bytes,
            const Array& values, const Array& scales);

  const Array& row_pointers() const { return row_pointers_; }
  const Array& column_bytes() const { return column_bytes_; }
  int index_bytes() const { return index_bytes_; }

  index_t longest_row() const override { return longest_; }
  SparseRow row(index_t r, std::int32_t* buffer) const override;
  std::size_t stored_bytes() const override;

 private:
  Array row_pointers_, column_bytes_;
  int index_bytes_;
  index_t longest_ = 0;
};

}  // namespace tt::sparse
