#include "tinytorch/kernels/gemm_f32/reference.hpp"

#include <algorithm>

namespace tt::kernels::reference {

template <class T>
void gemm(const GemmOf<T>& g) {
  constexpr std::int64_t kColumns = 64;  // summed side by side, so that rows of B are read in order
  for (std::int64_t i = 0; i < g.m; ++i) {
    for (std::int64_t j0 = 0; j0 < g.n; j0 += kColumns) {
      const std::int64_t columns = std::min(kColumns, g.n - j0);
      T sums[kColumns] = {};
      for (std::int64_t p = 0; p < g.k; ++p) {
        const T a = g.a[i * g.a_row + p * g.a_col];
        const T* b = g.b + p * g.b_row + j0 * g.b_col;
        for (std::int64_t j = 0; j < columns; ++j) sums[j] += a * b[j * g.b_col];
      }
      for (std::int64_t j = 0; j < columns; ++j) {
        T& c = g.c[i * g.c_row + j0 + j];
        const T sum = g.accumulate ? sums[j] + c : sums[j];
        c = g.bias != nullptr ? sum + g.bias[j0 + j] : sum;
      }
    }
  }
}

template void gemm(const GemmOf<float>&);
template void gemm(const GemmOf<double>&);

}  // namespace tt::kernels::reference
