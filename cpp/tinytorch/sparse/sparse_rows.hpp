// What the sparse products need of a stored matrix (rows, columns): each row as a list of column
// indices and values. Values are float32, or int8 with one float scale per row.
#pragma once
#include <cstddef>
#include <cstdint>

#include "tinytorch/array/array.hpp"

namespace tt::sparse {

struct SparseRow {
  index_t count = 0;
  const std::int32_t* columns = nullptr;  // in the caller's buffer
  const void* values = nullptr;           // float or int8
};

class SparseRows {
 public:
  virtual ~SparseRows() = default;

  index_t rows() const { return rows_; }
  index_t columns() const { return columns_; }
  bool is_int8() const { return values_.dtype() == DType::i8; }
  const Array& values() const { return values_; }
  const Array& scales() const { return scales_; }  // undefined for float32

  virtual index_t longest_row() const = 0;
  // The row's columns are written to `buffer`, which holds longest_row() of them.
  virtual SparseRow row(index_t r, std::int32_t* buffer) const = 0;
  virtual std::size_t stored_bytes() const = 0;

  Array to_dense() const;    // float32 (rows, columns); int8 values times their scale
  index_t nonzeros() const;  // values stored that are not zero

 protected:
  SparseRows(index_t rows, index_t columns, const Array& values, const Array& scales);

  index_t rows_, columns_;
  Array values_, scales_;
};

// Throws unless scales are (rows,) positive and values are sums-safe int8 in [-127, 127].
void check_int8_values(const Array& values, const Array& scales, index_t rows, index_t columns);

// float32 or int8 weights, 2-D, checked; `what` names the format in messages.
void check_dense(const char* what, const Array& weight, const Array& scales);

}  // namespace tt::sparse
