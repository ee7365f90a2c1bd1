#include "tinytorch/kernels/unary/unary.hpp"

#include <math.h>

#include "tinytorch/kernels/row_map.hpp"
#include "tinytorch/kernels/unary/functions.simd.hpp"
#include "tinytorch/kernels/vector_math.hpp"

namespace tt::kernels::TT_ISA {
namespace {

template <class F, bool Streamed>
void forward(const float* x, float* y, std::size_t n, float a) {
  const F32 va(a);
  row_map<Streamed>(
      y, n,
      [=](std::size_t i, std::size_t count) { return F::forward(load_part(x + i, count), va); },
      [=](std::size_t i) { prefetch(x + i); });
}

template <class F, bool Streamed>
void backward(const float* dy, const float* saved, float* dx, std::size_t n, float a) {
  const F32 va(a);
  row_map<Streamed>(
      dx, n,
      [=](std::size_t i, std::size_t count) {
        return F::backward(load_part(dy + i, count), load_part(saved + i, count), va);
      },
      [=](std::size_t i) {
        prefetch(dy + i);
        prefetch(saved + i);
      });
}

}  // namespace

void fill_unary(UnaryTable& table) {
#define TT_UNARY(name, saved, parameter, doc)                                              \
  table.forward[static_cast<int>(Unary::name)] = &forward<functions::name, false>;         \
  table.forward_streamed[static_cast<int>(Unary::name)] = &forward<functions::name, true>; \
  table.backward[static_cast<int>(Unary::name)] = &backward<functions::name, false>;       \
  table.backward_streamed[static_cast<int>(Unary::name)] = &backward<functions::name, true>;
#include "tinytorch/kernels/unary/unary.def"
#undef TT_UNARY
}

}  // namespace tt::kernels::TT_ISA
