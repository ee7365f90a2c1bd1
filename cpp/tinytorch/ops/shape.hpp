// Joining, cutting and padding arrays.
#pragma once
#include <vector>

#include "tinytorch/array/array.hpp"

namespace tt::ops {

// Along an existing axis; all other sizes equal. At least one array.
Array concat(const std::vector<Array>& arrays, index_t axis);
// Along a new axis; all shapes equal.
Array stack(const std::vector<Array>& arrays, index_t axis);

struct PadWidth {
  index_t before = 0, after = 0;  // negative: cut away
};
// One width per dimension.
Array pad(const Array& x, const std::vector<PadWidth>& widths, double value);

}  // namespace tt::ops
