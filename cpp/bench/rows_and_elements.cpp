// Work on rows and elements: kernels through the operators that share them out, optimizers, and
// small eager operations, where everything but the arithmetic is what counts.
#include "cases.hpp"
#include "tinytorch/autograd/engine.hpp"
#include "tinytorch/autograd/functions.hpp"
#include "tinytorch/kernels/optim/optim.hpp"
#include "tinytorch/ops/conv.hpp"
#include "tinytorch/ops/norm.hpp"
#include "tinytorch/ops/reduce.hpp"
#include "tinytorch/ops/softmax.hpp"

namespace tt::bench {
namespace {

using autograd::Tensor;

constexpr index_t kRows = 64, kColumns = 256;

std::function<void()> unary(ops::Unary f) {
  return [f, x = normal({kRows, kColumns}, 1)] { ops::unary(f, x); };
}

std::function<void()> layer_norm() {
  return [x = normal({kRows, kColumns}, 1), gamma = normal({kColumns}, 2),
          beta = normal({kColumns}, 3)] { ops::layer_norm(x, gamma, beta, 1e-5); };
}

std::function<void()> max_pool() {
  const Array x = normal({1, 16, 32, 32}, 1);
  kernels::Window2d w;
  w.kernel_h = w.kernel_w = w.stride_h = w.stride_w = 2;
  return [x, w = ops::pool_window(x, w)] { ops::max_pool2d(x, w); };
}

std::function<void()> embedding() {
  const Array indices = Array::empty({128}, DType::i64);
  for (index_t i = 0; i < 128; ++i) indices.data<std::int64_t>()[i] = i * 37 % 500;
  return [weight = Tensor(normal({500, kColumns}, 1)), at = Tensor(indices)] {
    autograd::embedding(weight, at);
  };
}

std::function<void()> adamw_step() {
  constexpr index_t n = kRows * kColumns;
  const kernels::AdamArgs args{1e-3, 0.9, 0.999, 1e-8, 0.01, 0.1, 0.001, true};
  return
      [w = normal({n}, 1), g = normal({n}, 2), m = Array::zeros({n}), v = Array::zeros({n}), args] {
        kernels::adam(w.data<float>(), g.data<float>(), m.data<float>(), v.data<float>(), n, args);
      };
}
std::function<void()> sgd_step() {
  constexpr index_t n = kRows * kColumns;
  return [w = normal({n}, 1), g = normal({n}, 2), v = Array::zeros({n})] {
    kernels::sgd(w.data<float>(), g.data<float>(), v.data<float>(), n, {0.1f, 0.9f, 0.0f, false});
  };
}

std::function<void()> small_add() {
  return [a = Tensor(normal({1, 20}, 1)), b = Tensor(normal({1, 20}, 2))] { autograd::add(a, b); };
}
std::function<void()> small_backward() {
  return [x = Tensor(normal({1, 20}, 1), true), w = Tensor(normal({20, 20}, 2), true)] {
    backward(autograd::sum(autograd::unary(ops::Unary::relu, autograd::matmul(x, w))));
  };
}

}  // namespace

Cases rows_and_elements() {
  return {
      {"softmax",
       [] {
         return [x = normal({kRows, kColumns}, 1)] { ops::softmax(x, 1); };
       }},
      {"layer_norm", layer_norm},
      {"gelu", [] { return unary(ops::Unary::gelu); }},
      {"exp", [] { return unary(ops::Unary::exp); }},
      {"sum",
       [] {
         return [x = normal({kRows, kColumns}, 1)] { ops::sum(x, Dims{1}); };
       }},
      {"add",
       [] {
         return [a = normal({kRows, kColumns}, 1), b = normal({kRows, kColumns}, 2)] {
           ops::add(a, b);
         };
       }},
      {"copy_turned",
       [] {
         return [x = normal({kRows, kColumns}, 1).transpose(0, 1)] { x.copy(); };
       }},
      {"adamw_step", adamw_step},
      {"sgd_step", sgd_step},
      {"max_pool", max_pool},
      {"embedding", embedding},
      {"eager_add_1x20", small_add},
      {"eager_backward", small_backward},
  };
}

}  // namespace tt::bench
