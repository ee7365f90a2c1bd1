// Random arrays and bitwise comparison for the tests of quantized and sparse layers.
#pragma once
#include <cstring>

#include "tinytorch/array/array.hpp"
#include "tinytorch/base/rng.hpp"

namespace tt::testing {

inline Array random_array(const Shape& shape, std::uint64_t seed, float stddev = 1.0f) {
  Generator g(seed);
  const Array a = Array::empty(shape);
  g.normal(a.data<float>(), a.size(), 0.0f, stddev);
  return a;
}

inline bool same_bits(const Array& a, const Array& b) {
  if (!(a.shape() == b.shape()) || a.dtype() != b.dtype()) return false;
  const Array x = a.contiguous(), y = b.contiguous();
  return a.size() == 0 || std::memcmp(x.raw(), y.raw(), x.nbytes()) == 0;
}

}  // namespace tt::testing
