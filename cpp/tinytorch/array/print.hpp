// Arrays as text, for C++ programs and test messages.
#pragma once
#include <iosfwd>

#include "tinytorch/array/array.hpp"

namespace tt {

// "{{ 1.,  2.}, { 3.,  4.}} float32 (2, 2)"; long arrays are shortened.
std::ostream& operator<<(std::ostream& out, const Array& array);

}  // namespace tt
