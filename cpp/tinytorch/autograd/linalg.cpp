// Gradients of matrix products.
#include "tinytorch/autograd/functions.hpp"
#include "tinytorch/ops/matmul.hpp"

namespace tt::autograd {

Tensor matmul(const Tensor& a, const Tensor& b) {
  const Tensor out(ops::matmul(a.array(), b.array()));
  if (!tracked(a, b)) return out;
  return attach(out, "MatmulBackward", {&a, &b},
                [sa = Saved(a.array()), sb = Saved(b.array())](const Array& dy, Grads& g) {
                  if (g.want(0)) g.set(0, ops::matmul_grad_a(dy, sa.get(), sb.get()));
                  if (g.want(1)) g.set(1, ops::matmul_grad_b(dy, sa.get(), sb.get()));
                });
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias) {
  const Tensor out(ops::linear(x.array(), w.array(), bias.defined() ? bias.array() : Array()));
  if (!tracked(x, w, bias)) return out;
  return attach(out, "LinearBackward", {&x, &w, &bias},
                [sx = Saved(x.array()), sw = Saved(w.array())](const Array& dy, Grads& g) {
                  if (g.want(0)) g.set(0, ops::matmul_grad_a(dy, sx.get(), sw.get()));
                  if (g.want(1)) g.set(1, ops::matmul_grad_b(dy, sx.get(), sw.get()));
                  if (g.want(2)) g.set(2, dy);
                });
}

}  // namespace tt::autograd
