#include "tinytorch/kernels/unary/unary.hpp"

#include <math.h>

#include "tinytorch/kernels/unary/functions.simd.hpp"
#include "tinytorch/kernels/vector_math.hpp"

namespace tt::kernels::TT_ISA {
namespace {

template <class F>
void forward(const float* x, float* y, std::size_t n, float a) {
  const F32 va(a);
  std::size_t i = 0;
  for (; i + W <= n; i += W) store(y + i, F::forward(load(x + i), va));
  if (i < n) store_n(y + i, n - i, F::forward(load_n(x + i, n - i), va));
}

template <class F>
void backward(const float* dy, const float* saved, float* dx, std::size_t n, float a) {
  const F32 va(a);
  std::size_t i = 0;
  for (; i + W <= n; i += W) store(dx + i, F::backward(load(dy + i), load(saved + i), va));
  if (i < n) {
    const F32 v = F::backward(load_n(dy + i, n - i), load_n(saved + i, n - i), va);
    store_n(dx + i, n - i, v);
  }
}

}  // namespace

void fill_unary(UnaryTable& table) {
#define TT_UNARY(name, saved, parameter, doc)                               \
  table.forward[static_cast<int>(Unary::name)] = &forward<functions::name>; \
  table.backward[static_cast<int>(Unary::name)] = &backward<functions::name>;
#include "tinytorch/kernels/unary/unary.def"
#undef TT_UNARY
}

}  // namespace tt::kernels::TT_ISA
