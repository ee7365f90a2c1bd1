// xtensor over our memory, for what is better borrowed than written: printing, and independent
// reference computations in tests. Private to .cpp files: it takes a second to parse.
#pragma once
#include <array>
#include <vector>
#include <xtensor/xadapt.hpp>
#include <xtensor/xio.hpp>
#include <xtensor/xstrided_view.hpp>

#include "tinytorch/array/array.hpp"

namespace tt {

// A row-major xtensor view of the array's elements; the array must be contiguous and outlive it.
template <class T>
auto xt_adapt(const Array& a) {
  std::vector<std::size_t> shape(a.shape().begin(), a.shape().end());
  return xt::adapt(a.data<T>(), static_cast<std::size_t>(a.size()), xt::no_ownership(), shape);
}

}  // namespace tt
