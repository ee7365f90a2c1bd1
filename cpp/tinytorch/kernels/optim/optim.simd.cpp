#include "tinytorch/kernels/optim/optim.hpp"

#include "tinytorch/kernels/simd.hpp"

namespace tt::kernels::TT_ISA {
namespace {

// One vector of each array, whole or its first `count` values.
struct Part {
  std::size_t i, count;
  F32 read(const float* p) const { return count == W ? load(p + i) : load_n(p + i, count); }
  void write(float* p, F32 v) const {
    if (count == W) {
      store(p + i, v);
    } else {
      store_n(p + i, count, v);
    }
  }
};
template <class Step>
inline void sweep(std::size_t n, Step step) {
  std::size_t i = 0;
  for (; i + W <= n; i += W) step(Part{i, W});
  if (i < n) step(Part{i, n - i});
}

void sgd(float* w, const float* g, float* v, std::size_t n, const SgdArgs& args) {
  const F32 lr(args.lr), momentum(args.momentum), decay(args.weight_decay);
  const bool nesterov = args.nesterov;
  sweep(n, [=](Part part) {
    const F32 weight = part.read(w);
    const F32 d = part.read(g) + decay * weight;
    F32 step = d;
    if (v != nullptr) {
      const F32 velocity = momentum * part.read(v) + d;
      part.write(v, velocity);
      step = nesterov ? d + momentum * velocity : velocity;
    }
    part.write(w, weight - lr * step);
  });
}

void adam(float* w, const float* g, float* m, float* v, std::size_t n, const AdamArgs& args) {
  const auto vector = [](double value) { return F32(static_cast<float>(value)); };
  const F32 lr = vector(args.lr), b1 = vector(args.beta1), b2 = vector(args.beta2);
  const F32 c1 = vector(1 - args.beta1), c2 = vector(1 - args.beta2), eps = vector(args.eps);
  const F32 bias1 = vector(args.bias1), bias2 = vector(args.bias2);
  const F32 coupled = vector(args.decoupled ? 0.0 : args.weight_decay);
  const F32 keep = vector(args.decoupled ? 1 - args.lr * args.weight_decay : 1.0);
  sweep(n, [=](Part part) {
    const F32 weight = part.read(w);
    const F32 d = part.read(g) + coupled * weight;
    const F32 first = b1 * part.read(m) + c1 * d;
    const F32 second = b2 * part.read(v) + c2 * (d * d);
    part.write(m, first);
    part.write(v, second);
    const F32 root = square_root(divide(second, bias2));
    const F32 step = divide(lr * divide(first, bias1), root + eps);
    part.write(w, (weight - step) * keep);
  });
}

}  // namespace

void fill_optim(OptimTable& table) {
  table.sgd = &sgd;
  table.adam = &adam;
}

}  // namespace tt::kernels::TT_ISA
