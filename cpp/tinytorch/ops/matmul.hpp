// Matrix products with NumPy's matmul rules.
#pragma once
#include "tinytorch/array/array.hpp"
#include "tinytorch/kernels/gemm_f32/gemm.hpp"

namespace tt::ops {

// How float32 (and half) operands are multiplied: as they are; as bfloat16 pieces of full precision
// where that is faster (kernels/gemm_tiles); or rounded to bfloat16 with sums in float32. Sums of
// float64 are always float64.
enum class Products { full, pieces, bf16 };
void multiply(const kernels::GemmOf<float>& g, Products products);
void multiply(const kernels::GemmOf<double>& g, Products products);
// Whether that of floats is kernels::gemm here, whatever the shape.
bool multiplies_floats(Products products);

// The float64 path: the reference loops, shared out in tiles that are some milliseconds of work.
void gemm_float64(const kernels::GemmOf<double>& g);

// vectors, matrices and broadcast batches. Both at least 1-D. ShapeError with
// "Inner dimensions must match: 2 ≠ 3" and both shapes.
Array matmul(const Array& a, const Array& b, Products products = Products::full);

// x[..., k] w[k, n] + bias[n] in one pass; bias may be undefined.
Array linear(const Array& x, const Array& w, const Array& bias, Products products = Products::full);

// Gradients of matmul with respect to a and b, before broadcasting over batches is undone.
Array matmul_grad_a(const Array& dy, const Array& a, const Array& b,
                    Products products = Products::full);
Array matmul_grad_b(const Array& dy, const Array& a, const Array& b,
                    Products products = Products::full);

}  // namespace tt::ops
