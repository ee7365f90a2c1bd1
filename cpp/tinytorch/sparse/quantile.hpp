#pragma once
#include "tinytorch/array/array.hpp"

namespace tt::sparse {

// The q-quantile of |w|, 0 <= q <= 1, by linear interpolation between the two nearest order
// statistics (Hyndman & Fan 1996, type 7), in float64. NaN where w holds a NaN; ValueError for an
// empty array.
double magnitude_quantile(const Array& w, double q);

}  // namespace tt::sparse
