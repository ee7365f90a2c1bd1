// Elementwise operators: check, promote, broadcast, allocate, call a kernel. Array -> Array.
// float32 runs on the SIMD kernels, float64 on the reference loops, half types through float32,
// integers exactly where the operator is closed over them and through float32 elsewhere.
#pragma once
#include <optional>

#include "tinytorch/array/array.hpp"
#include "tinytorch/kernels/binary/binary.hpp"
#include "tinytorch/kernels/unary/unary.hpp"

namespace tt::ops {

using kernels::Binary;
using kernels::Compare;
using kernels::Unary;

Array unary(Unary f, const Array& x, double a = 0.0);
// dy * f'(.), from saved = x or y as unary.def says.
Array unary_grad(Unary f, const Array& dy, const Array& saved, double a = 0.0);

Array binary(Binary f, const Array& a, const Array& b);    // broadcasts
Array compare(Compare f, const Array& a, const Array& b);  // bool result

inline Array add(const Array& a, const Array& b) { return binary(Binary::add, a, b); }
inline Array sub(const Array& a, const Array& b) { return binary(Binary::sub, a, b); }
inline Array mul(const Array& a, const Array& b) { return binary(Binary::mul, a, b); }
inline Array div(const Array& a, const Array& b) { return binary(Binary::div, a, b); }
Array mul(const Array& a, double b);
Array add(const Array& a, double b);

// condition ? a : b with broadcasting; condition of any dtype, non-zero is true.
Array where(const Array& condition, const Array& a, const Array& b);
Array clip(const Array& x, std::optional<double> low, std::optional<double> high);

void add_in_place(const Array& target, const Array& other);  // raises the storage version

// x.astype(dtype) that keeps the order in memory of images whose channels are innermost, and is
// fast between float32 and bfloat16.
Array cast(const Array& x, DType dtype);

// What functions that compute in floats compute values of this type in.
constexpr DType compute_type(DType t) { return t == DType::f64 ? DType::f64 : DType::f32; }

// float32 or float64 form of x for functions that compute in floats: half and integers to float32.
Array to_compute(const Array& x);
// What was computed so, back in the type of its input if that is a half type.
inline Array from_compute(const Array& y, DType input) {
  return is_half(input) ? cast(y, input) : y;
}

}  // namespace tt::ops
