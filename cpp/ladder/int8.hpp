// The ladder of the int8 matrix product: C[i, j] = sum over k of A[i, k] B[j, k], n x n each, as a
// linear layer multiplies: values in [-127, 127], exact sums in 32 bits. docs/ladder/int8.md.
#pragma once
#include <cstdint>

namespace tt::ladder {

struct Int8Problem {
  std::int64_t n;  // a multiple of kInt8Multiple
  const std::int8_t *a, *b;
  std::int32_t* c;
  std::int8_t* packed_b;  // n n values
  std::int16_t* codes;    // n n values: A as the instructions want it
  std::int32_t* b_sums;   // n values
};
inline constexpr std::int64_t kInt8Multiple = 192;

struct Int8Steps {
  void (*naive)(const Int8Problem&);
  void (*blocked)(const Int8Problem&);
  void (*packed)(const Int8Problem&);
  void (*vectorised)(const Int8Problem&);
  void (*threaded)(const Int8Problem&);
};

}  // namespace tt::ladder
