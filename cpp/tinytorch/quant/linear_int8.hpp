// y = x W^T + b with int8 weights W (out, in), one float scale per output, and activations
// quantized on the way in: per row by their own maximum (dynamic), or by one calibrated scale
// (static). Products are summed in integers, so results are bit-equal on every instruction set, for
// any number of threads, and for a row alone or in a batch.
#pragma once
#include <cstddef>

#include "tinytorch/array/array.hpp"
#include "tinytorch/kernels/gemm_s8/packed_s8.hpp"

namespace tt::quant {

class LinearInt8 {
 public:
  // weight int8 (out, in) in [-127, 127]; scales (out,); bias (out,) or undefined.
  // input_scale > 0 is static; 0 is dynamic.
  LinearInt8(const Array& weight, const Array& scales, const Array& bias, float input_scale = 0.0f);
  static LinearInt8 from_float(const Array& weight, const Array& bias, float input_scale = 0.0f);

  Array forward(const Array& x) const;  // (..., in) -> (..., out), float32

  index_t in_features() const { return packed_.k; }
  index_t out_features() const { return packed_.n; }
  float input_scale() const { return input_scale_; }
  Array weight() const;  // int8 (out, in), unpacked
  const Array& scales() const { return scales_; }
  const Array& bias() const { return bias_; }  // may be undefined
  std::size_t stored_bytes() const;            // weight, scales, bias as a file holds them

 private:
  kernels::PackedS8 packed_;
  Array scales_, bias_;
  float input_scale_;
};

// Bytes of a layer's scales, bias and (where static) input scale.
std::size_t side_bytes(const Array& scales, const Array& bias, float input_scale);

void check_input_scale(const char* layer, float input_scale);  // ValueError unless finite and >= 0

}  // namespace tt::quant
