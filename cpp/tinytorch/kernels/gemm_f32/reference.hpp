// C = A B (+ C) (+ bias) by plain loops, T = float and double, any strides: the engine's
// float64 path and the oracle of the tests. Single-threaded; sums in the order of p.
#pragma once
#include "tinytorch/kernels/gemm_f32/gemm.hpp"

namespace tt::kernels::reference {

template <class T>
void gemm(const GemmOf<T>& g);

}  // namespace tt::kernels::reference
