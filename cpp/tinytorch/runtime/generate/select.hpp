// The cut between the largest values and the rest, by partial selection.
#pragma once
#include <vector>

#include "tinytorch/base/dims.hpp"

namespace tt::runtime {

// Kept are the values above `value`, and the first `equal` of those that are equal to it.
template <class T>
struct Cut {
  T value;
  index_t equal;
};

// Keeps the k largest of x[0 .. n), 1 <= k <= n, none NaN.
Cut<float> cut_top_k(const float* x, index_t n, index_t k, std::vector<float>& scratch);

struct MassScratch {
  std::vector<double> sums, values;
};
// Keeps the fewest largest that sum to at least `mass`; all where they do not. Of at least one
// value, all of them positive.
Cut<double> cut_mass(const std::vector<double>& x, double mass, MassScratch& scratch);

}  // namespace tt::runtime
