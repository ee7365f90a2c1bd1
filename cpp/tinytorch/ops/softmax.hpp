// Softmax and log-softmax along one axis, and their gradients from the output y.
#pragma once
#include "tinytorch/array/array.hpp"

namespace tt::ops {

Array softmax(const Array& x, index_t axis);
Array log_softmax(const Array& x, index_t axis);
Array softmax_grad(const Array& dy, const Array& y, index_t axis);
Array log_softmax_grad(const Array& dy, const Array& y, index_t axis);

}  // namespace tt::ops
