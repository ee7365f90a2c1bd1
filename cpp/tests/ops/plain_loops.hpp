// What the tests of operators share: arrays filled from a generator, and elements one at a time.
#pragma once
#include <functional>
#include <vector>

#include "tinytorch/array/array.hpp"
#include "tinytorch/base/rng.hpp"

namespace tt::test {

inline Array random(const Shape& shape, std::uint64_t seed = 1, DType dtype = DType::f32) {
  const Array a = Array::empty(shape);
  Generator(seed).normal(a.data<float>(), a.size());
  return a.astype(dtype);
}

// The element at a multi-index, whatever the layout and type.
inline double element(const Array& a, const std::vector<index_t>& at) {
  Array view = a;
  for (index_t i : at) view = view.select(0, i);
  return view.item();
}

// fn(multi-index) for every element of a shape, in row-major order.
inline void each_index(const Shape& shape,
                       const std::function<void(const std::vector<index_t>&)>& fn) {
  std::vector<index_t> at(static_cast<std::size_t>(shape.size()), 0);
  const index_t n = numel(shape);
  for (index_t i = 0; i < n; ++i) {
    fn(at);
    for (int d = shape.size() - 1; d >= 0; --d) {
      auto& position = at[static_cast<std::size_t>(d)];
      if (++position < shape[d]) break;
      position = 0;
    }
  }
}

// The same values in other memory layouts.
inline std::vector<Array> in_all_layouts(const Array& x) {
  std::vector<Array> out{x};
  if (x.ndim() < 2) return out;
  const int last = x.ndim() - 1;
  out.push_back(x.transpose(0, last).copy().transpose(0, last));
  out.push_back(x.flip(0).copy().flip(0));
  return out;
}

}  // namespace tt::test
