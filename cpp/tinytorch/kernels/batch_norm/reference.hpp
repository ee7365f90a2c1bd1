// Plain loops with the contract of batch_norm.hpp, in double: the oracle of the tests.
#pragma once
#include <cstddef>

namespace tt::kernels::reference {

void moments(const double* x, std::size_t n, double* mean, double* squares);
void batch_norm_grad_sums(const double* dy, const double* x, double mean, std::size_t n,
                          double* sum, double* product);

}  // namespace tt::kernels::reference
