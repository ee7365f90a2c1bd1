// Plain loops with the contract of binary.hpp, for T = float and double: the engine's float64 path
// and the oracle of the tests.
#pragma once
#include <cstddef>
#include <cstdint>

#include "tinytorch/kernels/binary/binary.hpp"

namespace tt::kernels::reference {

template <class T>
void binary(Binary f, const T* a, std::size_t sa, const T* b, std::size_t sb, T* y, std::size_t n);
template <class T>
void compare(Compare f, const T* a, std::size_t sa, const T* b, std::size_t sb, std::uint8_t* y,
             std::size_t n);

}  // namespace tt::kernels::reference
