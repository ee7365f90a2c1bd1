// Gradients of the building blocks of networks.
#include "tinytorch/autograd/functions.hpp"
#include "tinytorch/ops/norm.hpp"
#include "tinytorch/ops/softmax.hpp"

namespace tt::autograd {
namespace {

Array array_or_none(const Tensor& t) { return t.defined() ? t.array() : Array(); }

}  // namespace

Tensor softmax(const Tensor& x, index_t axis) {
  const Tensor out(ops::softmax(x.array(), axis));
  if (!tracked(x)) return out;
  return attach(out, "SoftmaxBackward", {&x},
                [axis, y = Saved(out.array())](const Array& dy, Grads& g) {
                  g.set(0, ops::softmax_grad(dy, y.get(), axis));
                });
}

Tensor log_softmax(const Tensor& x, index_t axis) {
  const Tensor out(ops::log_softmax(x.array(), axis));
  if (!tracked(x)) return out;
  return attach(out, "LogSoftmaxBackward", {&x},
                [axis, y = Saved(out.array())](const Array& dy, Grads& g) {
                  g.set(0, ops::log_softmax_grad(dy, y.get(), axis));
                });
}

Tensor dropout(const Tensor& x, double p, Generator& generator) {
  if (!(p >= 0.0 && p <= 1.0)) {
    fail<ValueError>("Dropout probability must be between 0 and 1, got ", p);
  }
  if (p == 0.0) return x;
  const Array keep = Array::empty(x.shape(), DType::f32);
  generator.uniform(keep.data<float>(), keep.size());
  const DType type = ops::to_compute(x.array()).dtype();
  const Array mask = ops::compare(Compare::ge, keep, Array::scalar(p)).astype(type);
  const Array factor = ops::mul(mask, p == 1.0 ? 0.0 : 1.0 / (1.0 - p));
  return mul(x, Tensor(ops::from_compute(factor, x.dtype())));
}

Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double eps) {
  ops::NormResult r = ops::layer_norm(x.array(), array_or_none(gamma), array_or_none(beta), eps);
  const Tensor out(r.y);
  if (!tracked(x, gamma, beta)) return out;
  return attach(out, "LayerNormBackward", {&x, &gamma, &beta},
                [sx = Saved(x.array()), sg = Saved(array_or_none(gamma)), m = r.mean, s = r.rstd,
                 has_beta = beta.defined()](const Array& dy, Grads& g) {
                  auto d = ops::layer_norm_grad(dy, sx.get(), sg.get(), m, s, has_beta);
                  g.set(0, d.dx);
                  g.set(1, d.dgamma);
                  g.set(2, d.dbeta);
                });
}

Tensor rms_norm(const Tensor& x, const Tensor& gamma, double eps) {
  ops::NormResult r = ops::rms_norm(x.array(), array_or_none(gamma), eps);
  const Tensor out(r.y);
  if (!tracked(x, gamma)) return out;
  return attach(out, "RMSNormBackward", {&x, &gamma},
                [sx = Saved(x.array()), sg = Saved(array_or_none(gamma)), s = r.rstd](
                    const Array& dy, Grads& g) {
                  auto d = ops::rms_norm_grad(dy, sx.get(), sg.get(), s);
                  g.set(0, d.dx);
                  g.set(1, d.dgamma);
                });
}

namespace {

void check_channels(const Tensor& x, std::initializer_list<const Array*> vectors) {
  if (x.array().ndim() < 2) {
    fail<ShapeError>("batch norm needs an input of shape (N, C, ...), got ", to_string(x.shape()));
  }
  const index_t c = x.shape()[1];
  for (const Array* v : vectors) {
    if (v->defined() && v->size() != c) {
      fail<ShapeError>("batch norm over ", c, " channels needs parameters of shape (", c,
                       ",), got ", to_string(v->shape()));
    }
  }
}

// running = (1 - momentum) running + momentum batch
void update_running(const Array& running, const Array& batch, double momentum) {
  if (!running.defined()) return;
  running.copy_from(ops::add(ops::mul(running, 1.0 - momentum), ops::mul(batch, momentum)));
  running.storage()->bump_version();
}

Array rstd_of(const Array& variance, double eps) {
  return ops::unary(Unary::rsqrt, ops::add(variance, eps));
}

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                  const Array& running_mean, const Array& running_var, bool training,
                  double momentum, double eps, bool relu) {
  const Array w = array_or_none(gamma), b = array_or_none(beta);
  check_channels(x, {&w, &b, &running_mean, &running_var});
  if (!training && !(running_mean.defined() && running_var.defined())) {
    fail<ValueError>("batch norm outside training needs running_mean and running_var");
  }
  const DType type = ops::compute_type(x.dtype());
  const ops::BatchStats stats =
      training ? ops::batch_stats(x.array())
               : ops::BatchStats{running_mean.astype(type).copy(), running_var.astype(type)};
  const Array rstd = rstd_of(stats.variance, eps);
  const Tensor out(ops::batch_norm(x.array(), stats.mean, rstd, w, b, relu));
  if (training) {
    update_running(running_mean, stats.mean, momentum);
    update_running(running_var, stats.variance, momentum);
  }
  if (!tracked(x, gamma, beta)) return out;
  return with_half_gradients(attach(
      out, "BatchNormBackward", {&x, &gamma, &beta},
      [sx = Saved(x.array()), sg = Saved(w), sb = Saved(relu ? b : Array()), m = stats.mean, rstd,
       training, relu](const Array& dy, Grads& g) {
        auto d = ops::batch_norm_grad(dy, sx.get(), m, rstd, sg.get(), sb.get(), training, relu);
        g.set(0, d.dx);
        g.set(1, d.dgamma);
        g.set(2, d.dbeta);
      }));
}

}  // namespace tt::autograd
