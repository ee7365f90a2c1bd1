// Reductions over any axes. `axes` empty with `all` true means every axis.
// The order of summation is fixed by shape alone: bit-equal for any number of threads.
#pragma once
#include <optional>

#include "tinytorch/array/array.hpp"

namespace tt::ops {

enum class Reduce { sum, prod, max, min };

using Axes = std::optional<Dims>;  // nullopt: all axes; negative axes count from the end

Array reduce(Reduce f, const Array& x, const Axes& axes, bool keepdims);
inline Array sum(const Array& x, const Axes& axes = {}, bool keepdims = false) {
  return reduce(Reduce::sum, x, axes, keepdims);
}
// (C,) of images (N, C, H, W), not rounded to a half type: float32, or float64 of such.
Array channel_sums(const Array& x);
Array mean(const Array& x, const Axes& axes = {}, bool keepdims = false);
// sum((x - mean)^2) / (n - correction)
Array variance(const Array& x, const Axes& axes, double correction, bool keepdims);
Array logsumexp(const Array& x, const Axes& axes, bool keepdims);
Array argmax(const Array& x, std::optional<index_t> axis, bool keepdims);  // int64, first on ties
Array argmin(const Array& x, std::optional<index_t> axis, bool keepdims);
Array cumsum(const Array& x, index_t axis, bool reverse = false);

// Undoes broadcasting: sums away leading dimensions and those where `shape` has size 1. ShapeError
// where `shape` cannot have been broadcast to x's.
Array reduce_to_shape(const Array& x, const Shape& shape);

// The result shape with reduced axes as size 1, or dropped; and the number of elements per result.
Shape reduced_shape(const Shape& shape, const Axes& axes, bool keepdims);
index_t reduced_count(const Shape& shape, const Axes& axes);

}  // namespace tt::ops
