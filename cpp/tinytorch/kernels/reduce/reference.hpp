// Plain loops with the contract of reduce.hpp, for T = float and double: the engine's float64 path
// and the oracle of the tests.
#pragma once
#include <cstddef>

namespace tt::kernels::reference {

template <class T>
T sum(const T* x, std::size_t n);
template <class T>
T prod(const T* x, std::size_t n);
template <class T>
T max(const T* x, std::size_t n);
template <class T>
T min(const T* x, std::size_t n);
template <class T>
T sum_squared_difference(const T* x, std::size_t n, T center);
template <class T>
T dot(const T* a, const T* b, std::size_t n);

}  // namespace tt::kernels::reference
