// Elementwise functions of two float arrays.
//   arithmetic[f](a, sa, b, sb, y, n):  y[i] = f(a[i * sa], b[i * sb]),  sa and sb each 0 or 1
//   arithmetic_streamed[f](...):        the same values for large results (streaming.hpp)
//   compare[f](...):                    the same with a byte 0 or 1
// y may be a or b; otherwise no overlap. Any alignment. Single-threaded.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tt::kernels {

enum class Binary {
#define TT_BINARY(name, doc) name,
#define TT_COMPARE(name, doc)
#include "tinytorch/kernels/binary/binary.def"
#undef TT_BINARY
#undef TT_COMPARE
  count
};
enum class Compare {
#define TT_BINARY(name, doc)
#define TT_COMPARE(name, doc) name,
#include "tinytorch/kernels/binary/binary.def"
#undef TT_BINARY
#undef TT_COMPARE
  count
};
inline constexpr int kBinaryCount = static_cast<int>(Binary::count);
inline constexpr int kCompareCount = static_cast<int>(Compare::count);

using BinaryFn = void (*)(const float* a, std::size_t sa, const float* b, std::size_t sb, float* y,
                          std::size_t n);
using CompareFn = void (*)(const float* a, std::size_t sa, const float* b, std::size_t sb,
                           std::uint8_t* y, std::size_t n);

struct BinaryTable {
  BinaryFn arithmetic[kBinaryCount], arithmetic_streamed[kBinaryCount];
  CompareFn compare[kCompareCount];
};

}  // namespace tt::kernels
