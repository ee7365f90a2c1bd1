#include "tinytorch/kernels/gemm_f32/reference.hpp"

namespace tt::kernels::reference {

template <class T>
void gemm(const GemmOf<T>& g) {
  for (std::int64_t i = 0; i < g.m; ++i) {
    for (std::int64_t j = 0; j < g.n; ++j) {
      T sum = 0;
      for (std::int64_t p = 0; p < g.k; ++p) {
        sum += g.a[i * g.a_row + p * g.a_col] * g.b[p * g.b_row + j * g.b_col];
      }
      T& c = g.c[i * g.c_row + j];
      if (g.accumulate) sum += c;
      c = g.bias != nullptr ? sum + g.bias[j] : sum;
    }
  }
}

template void gemm(const GemmOf<float>&);
template void gemm(const GemmOf<double>&);

}  // namespace tt::kernels::reference
