#include "tinytorch/base/dtype.hpp"

namespace tt {

DType dtype_from_name(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(DType::boolean); ++i) {
    if (name == name_of(static_cast<DType>(i))) return static_cast<DType>(i);
  }
  fail<DTypeError>("unknown dtype '", name,
                   "'; use float32, float64, bfloat16, float16, int64, int32, int8, uint8 or bool");
}

DType promote(DType a, DType b) {
  if (a == b) return a;
  if (is_float(a) || is_float(b)) {
    if (!is_float(a)) return b;
    if (!is_float(b)) return a;
    if (is_half(a) && is_half(b)) return DType::f32;  // bf16 with f16: neither holds the other
    return size_of(a) > size_of(b) ? a : b;
  }
  if (a == DType::boolean) return b;
  if (b == DType::boolean) return a;
  if (size_of(a) == size_of(b)) return DType::i32;  // i8 with u8
  return size_of(a) > size_of(b) ? a : b;
}

}  // namespace tt
