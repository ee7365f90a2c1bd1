// Plain loops with the contract of norm.hpp, for T = float and double: the engine's float64 path
// and the oracle of the tests.
#pragma once
#include <cstddef>

namespace tt::kernels::reference {

template <class T>
void layer_norm(const T* x, const T* gamma, const T* beta, T eps, T* y, std::size_t n, T* mean,
                T* rstd);
template <class T>
void layer_norm_grad(const T* dy, const T* x, const T* gamma, T mean, T rstd, T* dx, T* dgamma,
                     T* dbeta, std::size_t n);
template <class T>
void rms_norm(const T* x, const T* gamma, T eps, T* y, std::size_t n, T* rstd);
template <class T>
void rms_norm_grad(const T* dy, const T* x, const T* gamma, T rstd, T* dx, T* dgamma,
                   std::size_t n);

}  // namespace tt::kernels::reference
