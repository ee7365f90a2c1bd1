// Rotary position embedding (Su et al. 2021). Of a head of `size` values, pair (i, i + size / 2) at
// position p is turned by the angle whose cosine and sine are cos[p, i] and sin[p, i]:
//   y[i] = x[i] cos - x[i + size / 2] sin,   y[i + size / 2] = x[i + size / 2] cos + x[i] sin
#pragma once
#include "tinytorch/array/array.hpp"

namespace tt::ops {

// x (..., length, heads * size) float32 or float64; cos, sin (positions >= length, size / 2) of its
// type, contiguous. Heads from `turned` on stay as they are. backwards: by the opposite angles,
// which is the gradient.
Array rotary(const Array& x, const Array& cos, const Array& sin, index_t turned,
             bool backwards = false);

}  // namespace tt::ops
