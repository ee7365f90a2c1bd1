// Losses with fused gradients. All are means.
#include "tinytorch/ops/loss.hpp"

#include "tinytorch/autograd/functions.hpp"

namespace tt::autograd {

Tensor mse_loss(const Tensor& prediction, const Tensor& target) {
  const Array diff = ops::sub(ops::to_compute(prediction.array()), target.array());
  const Tensor out(ops::mean(ops::mul(diff, diff)));
  if (!tracked(prediction, target)) return out;
  return attach(out, "MSEBackward", {&prediction, &target}, [diff](const Array& dy, Grads& g) {
    const double n = static_cast<double>(diff.size());
    const Array d = ops::mul(diff, ops::mul(dy, 2.0 / n));
    if (g.want(0)) g.set(0, d);
    if (g.want(1)) g.set(1, ops::unary(Unary::neg, d));
  });
}

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, double label_smoothing) {
  if (!(label_smoothing >= 0.0 && label_smoothing <= 1.0)) {
    fail<ValueError>("label_smoothing must be between 0 and 1, got ", label_smoothing);
  }
  const auto r = ops::cross_entropy(logits.array(), targets.array(), label_smoothing);
  const Tensor out(r.loss);
  if (!tracked(logits)) return out;
  return attach(out, "CrossEntropyBackward", {&logits},
                [r, x = Saved(logits.array()), t = Saved(targets.array()), label_smoothing](
                    const Array& dy, Grads& g) {
                  g.set(0, ops::cross_entropy_grad(dy, x.get(), r, t.get(), label_smoothing));
                });
}

Tensor binary_cross_entropy(const Tensor& p, const Tensor& target, double eps) {
  const Array in = ops::to_compute(p.array());
  const Array q = ops::clip(in, eps, 1.0 - eps);
  const Array t = target.array().astype(q.dtype());
  const Array one = Array::scalar(1.0, q.dtype());
  const Array yes = ops::mul(t, ops::unary(Unary::log, q));
  const Array no = ops::mul(ops::sub(one, t), ops::unary(Unary::log, ops::sub(one, q)));
  const Tensor out(ops::unary(Unary::neg, ops::mean(ops::add(yes, no))));
  if (!tracked(p)) return out;
  return attach(out, "BCEBackward", {&p}, [q, t, one](const Array& dy, Grads& g) {
    const Array spread = ops::mul(q, ops::sub(one, q));
    const double n = static_cast<double>(numel(broadcast_shapes(q.shape(), t.shape())));
    g.set(0, ops::mul(ops::div(ops::sub(q, t), spread), ops::mul(dy, 1.0 / n)));
  });
}

// max(x, 0) - x t + log(1 + exp(-|x|)): finite for any x.
Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& target) {
  const Array in = ops::to_compute(x.array()), t = target.array().astype(in.dtype());
  const Array tail =
      ops::unary(Unary::softplus, ops::unary(Unary::neg, ops::unary(Unary::abs, in)));
  const Array hinge = ops::sub(ops::unary(Unary::relu, in), ops::mul(in, t));
  const Array each = ops::add(hinge, tail);
  const Tensor out(ops::mean(each));
  if (!tracked(x, target)) return out;
  return attach(out, "BCEWithLogitsBackward", {&x, &target},
                [in, t, n = static_cast<double>(each.size())](const Array& dy, Grads& g) {
                  const Array scale = ops::mul(dy, 1.0 / n);
                  if (g.want(0)) {
                    g.set(0, ops::mul(ops::sub(ops::unary(Unary::sigmoid, in), t), scale));
                  }
                  if (g.want(1)) {
                    const Array slope = ops::mul(ops::unary(Unary::neg, in), scale);
                    g.set(1, slope.expand(broadcast_shapes(in.shape(), t.shape())));
                  }
                });
}

// mean over elements of p (log p - log q), with 0 log 0 = 0.
Tensor kl_div(const Tensor& log_q, const Tensor& p) {
  const Array lq = ops::to_compute(log_q.array()), t = p.array().astype(lq.dtype());
  const Array zero = Array::scalar(0.0, lq.dtype());
  const Array positive = ops::compare(Compare::gt, t, zero);
  const Array plogp = ops::where(positive, ops::mul(t, ops::unary(Unary::log, t)), zero);
  const Array each = ops::sub(plogp, ops::mul(t, lq));
  const Tensor out(ops::mean(each));
  if (!tracked(log_q)) return out;
  return attach(out, "KLDivBackward", {&log_q},
                [t, shape = each.shape()](const Array& dy, Grads& g) {
                  const double n = static_cast<double>(numel(shape));
                  const Array slope = ops::mul(ops::unary(Unary::neg, t), ops::mul(dy, 1.0 / n));
                  g.set(0, slope.expand(shape));
                });
}

}  // namespace tt::autograd
