// Plain loops with the contract of softmax.hpp, for T = float and double: the engine's float64
// path and the oracle of the tests.
#pragma once
#include <cstddef>

namespace tt::kernels::reference {

template <class T>
void softmax(const T* x, T* y, std::size_t n);
template <class T>
void log_softmax(const T* x, T* y, std::size_t n);
template <class T>
T logsumexp(const T* x, std::size_t n);
template <class T>
void normalizer(const T* x, std::size_t n, T* top, T* log_total);
template <class T>
void cross_entropy_grad(const T* x, T top, T log_total, T target, T scale, T* dx, std::size_t n);
template <class T>
void softmax_grad(const T* dy, const T* y, T* dx, std::size_t n);
template <class T>
void log_softmax_grad(const T* dy, const T* y, T* dx, std::size_t n);

}  // namespace tt::kernels::reference
