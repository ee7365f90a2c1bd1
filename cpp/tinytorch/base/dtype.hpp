// Element types, and the one place that turns a run-time DType into a C++ type.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "tinytorch/base/error.hpp"
#include "tinytorch/base/half.hpp"

namespace tt {

enum class DType : std::uint8_t { f32, f64, bf16, f16, i64, i32, i8, u8, boolean };

constexpr std::size_t size_of(DType t) {
  constexpr std::size_t sizes[] = {4, 8, 2, 2, 8, 4, 1, 1, 1};
  return sizes[static_cast<int>(t)];
}
constexpr std::string_view name_of(DType t) {
  constexpr std::string_view names[] = {"float32", "float64", "bfloat16", "float16", "int64",
                                        "int32",   "int8",    "uint8",    "bool"};
  return names[static_cast<int>(t)];
}
constexpr bool is_float(DType t) { return t <= DType::f16; }
constexpr bool is_half(DType t) { return t == DType::bf16 || t == DType::f16; }

DType dtype_from_name(std::string_view name);  // throws DTypeError naming the allowed ones

// Result type of an operation between two element types (docs/guide/dtypes.md):
// the wider float wins; float with integer gives the float; the wider integer wins;
// uint8 with int8 gives int32; bool gives way to everything.
DType promote(DType a, DType b);

template <class T>
struct dtype_of;
template <>
struct dtype_of<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct dtype_of<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct dtype_of<bf16> {
  static constexpr DType value = DType::bf16;
};
template <>
struct dtype_of<f16> {
  static constexpr DType value = DType::f16;
};
template <>
struct dtype_of<std::int64_t> {
  static constexpr DType value = DType::i64;
};
template <>
struct dtype_of<std::int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct dtype_of<std::int8_t> {
  static constexpr DType value = DType::i8;
};
template <>
struct dtype_of<std::uint8_t> {
  static constexpr DType value = DType::u8;
};
template <>
struct dtype_of<bool> {
  static constexpr DType value = DType::boolean;
};

template <class T>
struct type_tag {
  using type = T;
};

// Calls fn(type_tag<T>{}) for the C++ type of `t`.
template <class Fn>
decltype(auto) visit_dtype(DType t, Fn&& fn) {
  switch (t) {
    case DType::f32:
      return fn(type_tag<float>{});
    case DType::f64:
      return fn(type_tag<double>{});
    case DType::bf16:
      return fn(type_tag<bf16>{});
    case DType::f16:
      return fn(type_tag<f16>{});
    case DType::i64:
      return fn(type_tag<std::int64_t>{});
    case DType::i32:
      return fn(type_tag<std::int32_t>{});
    case DType::i8:
      return fn(type_tag<std::int8_t>{});
    case DType::u8:
      return fn(type_tag<std::uint8_t>{});
    case DType::boolean:
      break;
  }
  return fn(type_tag<bool>{});
}

// Calls fn for float or double; anything else is a DTypeError that names `what`.
template <class Fn>
decltype(auto) visit_float(DType t, const char* what, Fn&& fn) {
  if (t == DType::f32) return fn(type_tag<float>{});
  if (t == DType::f64) return fn(type_tag<double>{});
  fail<DTypeError>(what, " computes in float32 or float64, got ", name_of(t),
                   "; convert with astype(\"float32\") first");
}

}  // namespace tt
