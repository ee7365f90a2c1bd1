#include "tinytorch/kernels/optim/reference.hpp"

#include <cmath>

namespace tt::kernels::reference {

template <class T>
void sgd(T* w, const T* g, T* v, std::size_t n, const SgdArgs& args) {
  const T lr = args.lr, momentum = args.momentum, decay = args.weight_decay;
  for (std::size_t i = 0; i < n; ++i) {
    const T d = g[i] + decay * w[i];
    T step = d;
    if (v != nullptr) {
      v[i] = momentum * v[i] + d;
      step = args.nesterov ? d + momentum * v[i] : v[i];
    }
    w[i] -= lr * step;
  }
}

template <class T>
void adam(T* w, const T* g, T* m, T* v, std::size_t n, const AdamArgs& args) {
  const T lr = T(args.lr), b1 = T(args.beta1), b2 = T(args.beta2), eps = T(args.eps);
  const T c1 = T(1 - args.beta1), c2 = T(1 - args.beta2), bias1 = T(args.bias1),
          bias2 = T(args.bias2);
  const T decay = T(args.weight_decay), keep = T(1 - args.lr * args.weight_decay);
  for (std::size_t i = 0; i < n; ++i) {
    const T d = args.decoupled ? g[i] : g[i] + decay * w[i];
    m[i] = b1 * m[i] + c1 * d;
    v[i] = b2 * v[i] + c2 * (d * d);
    w[i] -= lr * (m[i] / bias1) / (std::sqrt(v[i] / bias2) + eps);
    if (args.decoupled) w[i] *= keep;
  }
}

#define TT_INSTANTIATE(T)                                           \
  template void sgd(T*, const T*, T*, std::size_t, const SgdArgs&); \
  template void adam(T*, const T*, T*, T*, std::size_t, const AdamArgs&);
TT_INSTANTIATE(float)
TT_INSTANTIATE(double)
#undef TT_INSTANTIATE

}  // namespace tt::kernels::reference
