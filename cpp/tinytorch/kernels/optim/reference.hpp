// Plain loops with the contract of optim.hpp, for T = float and double: the engine's float64 path
// and the oracle of the tests.
#pragma once
#include <cstddef>

#include "tinytorch/kernels/optim/optim.hpp"

namespace tt::kernels::reference {

template <class T>
void sgd(T* w, const T* g, T* v, std::size_t n, const SgdArgs& args);
template <class T>
void adam(T* w, const T* g, T* m, T* v, std::size_t n, const AdamArgs& args);

}  // namespace tt::kernels::reference
