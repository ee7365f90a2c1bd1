// One optimizer step on n contiguous parameters, in place on w and the moments.
//   sgd:   g' = g + weight_decay w;  v = momentum v + g' (v == null: momentum 0);
//          d = nesterov ? g' + momentum v : v;  w -= lr d
//   adam:  g' = g + (decoupled ? 0 : weight_decay) w;  m = b1 m + (1-b1) g';  v = b2 v + (1-b2)
//   g'^2;
//          w -= lr (m / bias1) / (sqrt(v / bias2) + eps);
//          then, if decoupled (AdamW, Loshchilov & Hutter 2019), w *= 1 - lr weight_decay
// with bias1 = 1 - b1^t and bias2 = 1 - b2^t. No multiply-add is fused: equal on every ISA.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tt::kernels {

struct SgdArgs {
  float lr, momentum, weight_decay;
  bool nesterov;
};
// In double: 1 - beta2 rounded from a float beta2 would be off by one part in 20,000.
struct AdamArgs {
  double lr, beta1, beta2, eps, weight_decay, bias1, bias2;
  bool decoupled;
};

struct OptimTable {
  void (*sgd)(float* w, const float* g, float* v, std::size_t n, const SgdArgs& args);
  void (*adam)(float* w, const float* g, float* m, float* v, std::size_t n, const AdamArgs& args);
};

// The same over all threads, by the kernels of active().
void sgd(float* w, const float* g, float* v, std::int64_t n, const SgdArgs& args);
void adam(float* w, const float* g, float* m, float* v, std::int64_t n, const AdamArgs& args);

}  // namespace tt::kernels
