// Walking several strided operands together. The shape is first simplified (size-1 dimensions
// dropped, dimensions that are contiguous in every operand merged), then `fn` is called once per
// innermost row, in parallel where there is enough work.
#pragma once
#include <array>
#include <cstddef>

#include "tinytorch/array/array.hpp"
#include "tinytorch/base/thread_pool.hpp"

namespace tt {

template <std::size_t N>
struct Loop {
  Shape shape;                     // simplified; empty shape: one element
  std::array<Strides, N> strides;  // of each operand, in elements
  index_t inner = 1;               // length of the innermost row
  index_t outer = 1;               // number of rows
};

// All operands must already have `shape` (use expand).
template <std::size_t N>
Loop<N> make_loop(const Shape& shape, const std::array<const Strides*, N>& strides) {
  Loop<N> loop;
  for (int d = 0; d < shape.size(); ++d) {
    if (shape[d] == 1) continue;
    bool merge = loop.shape.size() > 0;
    for (std::size_t k = 0; merge && k < N; ++k) {
      merge = loop.strides[k].back() == (*strides[k])[d] * shape[d];
    }
    if (merge) {
      const int last = loop.shape.size() - 1;
      loop.shape[last] *= shape[d];
      for (std::size_t k = 0; k < N; ++k) loop.strides[k][last] = (*strides[k])[d];
    } else {
      loop.shape.push_back(shape[d]);
      for (std::size_t k = 0; k < N; ++k) loop.strides[k].push_back((*strides[k])[d]);
    }
  }
  if (loop.shape.empty()) {
    loop.shape.push_back(1);
    for (std::size_t k = 0; k < N; ++k) loop.strides[k].push_back(0);
  }
  loop.inner = loop.shape.back();
  for (int d = 0; d + 1 < loop.shape.size(); ++d) loop.outer *= loop.shape[d];
  return loop;
}

// fn(offsets, steps, n): one row of n elements; operand k begins at offsets[k] with stride
// steps[k]. Long rows are cut so that threads share them. `cost` scales the grain: 1 for an add.
template <std::size_t N, class Fn>
void for_each_row(const Loop<N>& loop, Fn&& fn, index_t cost = 1) {
  if (loop.inner == 0 || loop.outer == 0) return;
  const int last = loop.shape.size() - 1;
  std::array<index_t, N> steps;
  for (std::size_t k = 0; k < N; ++k) steps[k] = loop.strides[k][last];
  const index_t grain = std::max<index_t>(1, 32768 / cost);

  if (loop.outer == 1) {
    if (loop.inner <= grain) {
      fn(std::array<index_t, N>{}, steps, loop.inner);
      return;
    }
    parallel_for(loop.inner, grain, [&](index_t begin, index_t end) {
      std::array<index_t, N> offsets;
      for (std::size_t k = 0; k < N; ++k) offsets[k] = begin * steps[k];
      fn(offsets, steps, end - begin);
    });
    return;
  }
  const index_t rows_per_chunk = std::max<index_t>(1, grain / std::max<index_t>(loop.inner, 1));
  parallel_for(loop.outer, rows_per_chunk, [&](index_t begin, index_t end) {
    std::array<index_t, kMaxDims> position{};
    std::array<index_t, N> offsets{};
    for (index_t rest = begin, d = last - 1; d >= 0; --d) {
      position[d] = rest % loop.shape[static_cast<int>(d)];
      rest /= loop.shape[static_cast<int>(d)];
      for (std::size_t k = 0; k < N; ++k) {
        offsets[k] += position[d] * loop.strides[k][static_cast<int>(d)];
      }
    }
    for (index_t row = begin; row < end; ++row) {
      fn(offsets, steps, loop.inner);
      for (int d = last - 1; d >= 0; --d) {
        for (std::size_t k = 0; k < N; ++k) offsets[k] += loop.strides[k][d];
        if (++position[d] < loop.shape[d]) break;
        for (std::size_t k = 0; k < N; ++k) offsets[k] -= loop.strides[k][d] * loop.shape[d];
        position[d] = 0;
      }
    }
  });
}

}  // namespace tt
