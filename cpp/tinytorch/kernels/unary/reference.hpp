// Plain loops over unary/functions.hpp: the float64 path of the engine and the oracle of the tests.
// Same contract as unary.hpp, for T = float and double.
#pragma once
#include <cstddef>

#include "tinytorch/kernels/unary/unary.hpp"

namespace tt::kernels::reference {

template <class T>
void unary_forward(Unary f, const T* x, T* y, std::size_t n, T a);
template <class T>
void unary_backward(Unary f, const T* dy, const T* saved, T* dx, std::size_t n, T a);

}  // namespace tt::kernels::reference
