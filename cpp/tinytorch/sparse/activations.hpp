// Dense activations as int16 codes for products with int8 weights, on the same grid as the dense
// int8 layers (kernels/gemm_s8): code = clamp(round(x / scale), -127, 127).
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "tinytorch/array/array.hpp"

namespace tt::sparse {

struct Activations {
  std::unique_ptr<std::int16_t[]> codes;  // (rows, length)
  std::vector<float> scales;              // per row
};

// x holds rows x length contiguous floats. input_scale > 0 is used for every row; 0 measures each.
Activations quantize_activations(const float* x, index_t rows, index_t length, float input_scale);

}  // namespace tt::sparse
