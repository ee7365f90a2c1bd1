// Hot kernels at one size each. `make` sets everything up and returns the work to be counted.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "tinytorch/array/array.hpp"

namespace tt::bench {

struct Case {
  std::string name;
  std::function<std::function<void()>()> make;
};
using Cases = std::vector<Case>;

Cases matrix_products();
Cases networks();
Cases rows_and_elements();

Array normal(const Shape& shape, std::uint64_t seed, float scale = 1.0f);

}  // namespace tt::bench
