// y = x W^T + b with W (out, in) stored sparsely: CSR or N:M, float32 or int8.
// With int8 values activations are quantized as by quant::LinearInt8 and summed in integers: the
// result is bit-equal to LinearInt8 with the same weights stored densely.
// Float sums run in rising order of column, one after the other: bit-equal for any thread count and
// instruction set, and for a row alone or in a batch.
#pragma once
#include <cstddef>
#include <memory>

#include "tinytorch/sparse/sparse_rows.hpp"

namespace tt::sparse {

class LinearSparse {
 public:
  // bias (out,) or undefined. input_scale as in quant::LinearInt8; only for int8 weights.
  LinearSparse(std::shared_ptr<const SparseRows> weight, const Array& bias,
               float input_scale = 0.0f);

  Array forward(const Array& x) const;  // (..., in) -> (..., out)

  index_t in_features() const { return weight_->columns(); }
  index_t out_features() const { return weight_->rows(); }
  const SparseRows& weight() const { return *weight_; }
  const Array& bias() const { return bias_; }
  float input_scale() const { return input_scale_; }
  std::size_t stored_bytes() const;

 private:
  std::shared_ptr<const SparseRows> weight_;
  Array bias_;
  float input_scale_;
};

// Checks shared by the sparse layers; return the float32 bias, or undefined.
Array checked_bias(const char* layer, const Array& bias, index_t outputs);
void check_static_scale(const char* layer, bool int8_weights, float input_scale);

// (..., in) as rows: how many, contiguous float32 values, and the shape of the result (..., out).
struct Rows {
  Array values;
  index_t count = 1;
  Shape result;
};
Rows rows_of(const char* layer, const Array& x, index_t in_features, index_t out_features);

}  // namespace tt::sparse
