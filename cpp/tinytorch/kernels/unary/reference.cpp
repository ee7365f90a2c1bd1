#include "tinytorch/kernels/unary/reference.hpp"

#include "tinytorch/kernels/unary/functions.hpp"

namespace tt::kernels::reference {
namespace {

template <class F, class T>
void forward(const T* x, T* y, std::size_t n, T a) {
  for (std::size_t i = 0; i < n; ++i) y[i] = F::forward(x[i], a);
}
template <class F, class T>
void backward(const T* dy, const T* saved, T* dx, std::size_t n, T a) {
  for (std::size_t i = 0; i < n; ++i) dx[i] = F::backward(dy[i], saved[i], a);
}

}  // namespace

template <class T>
void unary_forward(Unary f, const T* x, T* y, std::size_t n, T a) {
  switch (f) {
#define TT_UNARY(name, saved, parameter, doc) \
  case Unary::name:                           \
    return forward<scalar::name>(x, y, n, a);
#include "tinytorch/kernels/unary/unary.def"
#undef TT_UNARY
    case Unary::count:
      return;
  }
}
template <class T>
void unary_backward(Unary f, const T* dy, const T* saved, T* dx, std::size_t n, T a) {
  switch (f) {
#define TT_UNARY(name, saved_what, parameter, doc) \
  case Unary::name:                                \
    return backward<scalar::name>(dy, saved, dx, n, a);
#include "tinytorch/kernels/unary/unary.def"
#undef TT_UNARY
    case Unary::count:
      return;
  }
}

#define TT_INSTANTIATE(T)                                           \
  template void unary_forward(Unary, const T*, T*, std::size_t, T); \
  template void unary_backward(Unary, const T*, const T*, T*, std::size_t, T);
TT_INSTANTIATE(float)
TT_INSTANTIATE(double)
#undef TT_INSTANTIATE

}  // namespace tt::kernels::reference
