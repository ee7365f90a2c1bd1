#include "tinytorch/sparse/csr.hpp"

#include <algorithm>
#include <vector>

#include "tinytorch/sparse/index_bytes.hpp"

namespace tt::sparse {
namespace {

template <class T>
CsrMatrix compress(const Array& weight, const Array& scales) {
  const index_t rows = weight.shape(0), columns = weight.shape(1);
  const int width = index_bytes_for(columns);
  const T* w = weight.data<T>();
  std::vector<std::int32_t> pointers{0};
  std::vector<std::uint8_t> indices;
  std::vector<T> values;
  for (index_t r = 0; r < rows; ++r) {
    for (index_t c = 0; c < columns; ++c) {
      const T value = w[r * columns + c];
      if (value == T{}) continue;
      values.push_back(value);
      append_index(indices, c, width);
    }
    if (values.size() > INT32_MAX) {
      fail<ValueError>("a CSR matrix holds at most ", INT32_MAX, " non-zeros; split the layer");
    }
    pointers.push_back(static_cast<std::int32_t>(values.size()));
  }
  const auto count = static_cast<index_t>(values.size());
  return CsrMatrix(rows, columns, Array::from(pointers, {rows + 1}),
                   Array::from(indices, {count, width}), Array::from(values, {count}), scales);
}

void check_parts(const Array& pointers, const Array& bytes, const Array& values, index_t rows,
                 int width) {
  if (pointers.dtype() != DType::i32 || pointers.ndim() != 1 || pointers.shape(0) != rows + 1) {
    fail<ShapeError>("CSR row pointers must be int32 of shape (", rows + 1, ",), got ",
                     name_of(pointers.dtype()), " of shape ", to_string(pointers.shape()));
  }
  if (values.ndim() != 1)
    fail<ShapeError>("CSR values must be 1-D, got ", to_string(values.shape()));
  if (bytes.dtype() != DType::u8 || !(bytes.shape() == Shape{values.shape(0), width})) {
    fail<ShapeError>("CSR column indices must be uint8 of shape ",
                     to_string({values.shape(0), width}), ", got ", name_of(bytes.dtype()),
                     " of shape ", to_string(bytes.shape()));
  }
}

}  // namespace

CsrMatrix CsrMatrix::from_dense(const Array& weight, const Array& scales) {
  check_dense("CSR", weight, scales);
  const Array dense = weight.contiguous();
  return weight.dtype() == DType::i8 ? compress<std::int8_t>(dense, scales)
                                     : compress<float>(dense, scales);
}

CsrMatrix::CsrMatrix(index_t rows, index_t columns, const Array& row_pointers,
                     const Array& column_bytes, const Array& values, const Array& scales)
    : SparseRows(rows, columns, values, scales), index_bytes_(index_bytes_for(columns)) {
  check_parts(row_pointers, column_bytes, values, rows, index_bytes_);
  row_pointers_ = row_pointers.copy();
  column_bytes_ = column_bytes.copy();
  const auto* p = row_pointers_.data<std::int32_t>();
  if (p[0] != 0 || p[rows] != values_.shape(0)) {
    fail<ValueError>("CSR row pointers must run from 0 to ", values_.shape(0), ", got ", p[0],
                     " to ", p[rows]);
  }
  for (index_t r = 0; r < rows; ++r) {
    if (p[r] > p[r + 1]) fail<ValueError>("CSR row pointers fall after row ", r);
    longest_ = std::max<index_t>(longest_, p[r + 1] - p[r]);
  }
  std::vector<std::int32_t> buffer(static_cast<std::size_t>(longest_));
  for (index_t r = 0; r < rows; ++r) {
    const SparseRow row = this->row(r, buffer.data());
    for (index_t i = 0; i < row.count; ++i) {
      if (row.columns[i] < 0 || row.columns[i] >= columns ||
          (i > 0 && row.columns[i] <= row.columns[i - 1])) {
        fail<ValueError>("CSR columns of row ", r, " must rise within [0, ", columns, "), got ",
                         row.columns[i]);
      }
    }
  }
}

SparseRow CsrMatrix::row(index_t r, std::int32_t* buffer) const {
  const auto* p = row_pointers_.data<std::int32_t>();
  const index_t start = p[r], count = p[r + 1] - start;
  const auto* bytes = column_bytes_.data<std::uint8_t>() + start * index_bytes_;
  read_indices(bytes, index_bytes_, count, buffer);
  return {count, buffer, values_.raw() + start * static_cast<index_t>(size_of(values_.dtype()))};
}

std::size_t CsrMatrix::stored_bytes() const {
  return row_pointers_.nbytes() + column_bytes_.nbytes() + values_.nbytes() +
         (scales_.defined() ? scales_.nbytes() : 0);
}

}  // namespace tt::sparse
