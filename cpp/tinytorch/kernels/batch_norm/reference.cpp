#include "tinytorch/kernels/batch_norm/reference.hpp"

namespace tt::kernels::reference {

void moments(const double* x, std::size_t n, double* mean, double* squares) {
  double sum = 0.0;
  for (std::size_t i = 0; i < n; ++i) sum += x[i];
  *mean = sum / static_cast<double>(n);
  *squares = 0.0;
  for (std::size_t i = 0; i < n; ++i) *squares += (x[i] - *mean) * (x[i] - *mean);
}

void batch_norm_grad_sums(const double* dy, const double* x, double mean, std::size_t n,
                          double* sum, double* product) {
  *sum = *product = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    *sum += dy[i];
    *product += dy[i] * (x[i] - mean);
  }
}

}  // namespace tt::kernels::reference
