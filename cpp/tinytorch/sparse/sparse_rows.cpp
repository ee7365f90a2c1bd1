#include "tinytorch/sparse/sparse_rows.hpp"

#include <cmath>
#include <vector>

#include "tinytorch/kernels/gemm_s8/gemm_s8.hpp"

namespace tt::sparse {
// Integer sums of a row must not overflow, and -128 has no positive counterpart.
void check_int8_values(const Array& values, const Array& scales, index_t rows, index_t columns) {
  if (!scales.defined() || scales.dtype() != DType::f32 || scales.ndim() != 1 ||
      scales.shape(0) != rows) {
    fail<ShapeError>("int8 values need float32 scales of shape (", rows, ",)");
  }
  for (index_t r = 0; r < rows; ++r) {
    const float scale = scales.data<float>()[r];
    if (!std::isfinite(scale) || scale <= 0.0f) {
      fail<ValueError>("scale ", r, " is ", scale, "; scales must be positive and finite");
    }
  }
  if (columns > kernels::kMaxS8Depth) {
    fail<ValueError>("int8 products sum at most ", kernels::kMaxS8Depth, " terms exactly, got ",
                     columns, " columns");
  }
  for (index_t i = 0; i < values.size(); ++i) {
    if (values.data<std::int8_t>()[i] == -128) {
      fail<ValueError>("int8 weights must lie in [-127, 127], got -128; quantize symmetrically");
    }
  }
}

SparseRows::SparseRows(index_t rows, index_t columns, const Array& values, const Array& scales)
    : rows_(rows), columns_(columns), values_(values.copy()) {
  if (rows < 0 || columns < 0 || columns > INT32_MAX || rows > INT32_MAX) {
    fail<ShapeError>("a sparse matrix of shape (", rows, ", ", columns, ") cannot be stored");
  }
  if (values.dtype() == DType::i8) {
    if (scales.defined()) scales_ = scales.copy();
    check_int8_values(values_, scales_, rows, columns);
  } else if (values.dtype() != DType::f32) {
    fail<DTypeError>("sparse values are float32 or int8, got ", name_of(values.dtype()));
  }
}

Array SparseRows::to_dense() const {
  const Array dense = Array::zeros({rows_, columns_});
  std::vector<std::int32_t> buffer(static_cast<std::size_t>(longest_row()));
  for (index_t r = 0; r < rows_; ++r) {
    const SparseRow row = this->row(r, buffer.data());
    float* out = dense.data<float>() + r * columns_;
    for (index_t i = 0; i < row.count; ++i) {
      // Added: a padded format may name a column twice, once with a zero.
      out[row.columns[i]] +=
          is_int8() ? static_cast<const std::int8_t*>(row.values)[i] * scales_.data<float>()[r]
                    : static_cast<const float*>(row.values)[i];
    }
  }
  return dense;
}

index_t SparseRows::nonzeros() const {
  index_t count = 0;
  for (index_t i = 0; i < values_.size(); ++i) {
    count += is_int8() ? values_.data<std::int8_t>()[i] != 0 : values_.data<float>()[i] != 0.0f;
  }
  return count;
}

void check_dense(const char* what, const Array& weight, const Array& scales) {
  if (!weight.defined() || weight.ndim() != 2) {
    fail<ShapeError>(what, " stores a matrix (out, in)",
                     weight.defined() ? ", got shape " + to_string(weight.shape()) : "");
  }
  if (weight.dtype() != DType::f32 && weight.dtype() != DType::i8) {
    fail<DTypeError>(what, " stores float32 or int8, got ", name_of(weight.dtype()));
  }
  if (weight.dtype() == DType::f32 && scales.defined()) {
    fail<ValueError>(what, ": scales belong to int8 weights; the weights are float32");
  }
}

}  // namespace tt::sparse
