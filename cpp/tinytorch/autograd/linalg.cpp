// Gradients of matrix products.
#include "tinytorch/autograd/functions.hpp"
#include "tinytorch/ops/matmul.hpp"

namespace tt::autograd {

Tensor matmul(const Tensor& a, const Tensor& b) {
  const bool learns = tracked(a, b);
  const ops::Products how = learns ? training_products() : autocast_products();
  const Tensor out(ops::matmul(a.array(), b.array(), how));
  if (!learns) return out;
  return attach(out, "MatmulBackward", {&a, &b},
                [how, sa = Saved(a.array()), sb = Saved(b.array())](const Array& dy, Grads& g) {
                  if (g.want(0)) g.set(0, ops::matmul_grad_a(dy, sa.get(), sb.get(), how));
                  if (g.want(1)) g.set(1, ops::matmul_grad_b(dy, sa.get(), sb.get(), how));
                });
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias) {
  const bool learns = tracked(x, w, bias);
  const ops::Products how = learns ? training_products() : autocast_products();
  const Array b = bias.defined() ? bias.array() : Array();
  const Tensor out(ops::linear(x.array(), w.array(), b, how));
  if (!learns) return out;
  return attach(out, "LinearBackward", {&x, &w, &bias},
                [how, sx = Saved(x.array()), sw = Saved(w.array())](const Array& dy, Grads& g) {
                  if (g.want(0)) g.set(0, ops::matmul_grad_a(dy, sx.get(), sw.get(), how));
                  if (g.want(1)) g.set(1, ops::matmul_grad_b(dy, sx.get(), sw.get(), how));
                  if (g.want(2)) g.set(2, dy);
                });
}

}  // namespace tt::autograd
