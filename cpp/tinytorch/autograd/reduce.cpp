// Gradients of reductions: the gradient of the result, spread over what was reduced.
#include "tinytorch/autograd/functions.hpp"
#include "tinytorch/base/thread_pool.hpp"

namespace tt::autograd {
namespace {

// dy with the reduced axes back as size 1, so that it broadcasts against the input.
Array lift(const Array& dy, const Shape& input, const Axes& axes) {
  return dy.reshape(ops::reduced_shape(input, axes, true));
}

Tensor extreme(const Tensor& x, const Axes& axes, bool keepdims, bool largest) {
  const Tensor out(
      ops::reduce(largest ? ops::Reduce::max : ops::Reduce::min, x.array(), axes, keepdims));
  if (!tracked(x)) return out;
  return attach(
      out, largest ? "MaxBackward" : "MinBackward", {&x},
      [axes, s = Saved(x.array()), y = Saved(out.array())](const Array& dy, Grads& g) {
        const Array& in = s.get();
        const Array hit =
            ops::compare(Compare::eq, in, lift(y.get(), in.shape(), axes)).astype(dy.dtype());
        const Array ties = ops::sum(hit, axes, true);
        g.set(0, ops::mul(hit, ops::div(lift(dy, in.shape(), axes), ties)));
      });
}

// out_i = dy * prod_{j != i} x_j, from products of what is before and after i: right with zeros
// too.
template <class T>
void prod_grad_row(const T* x, T dy, T* out, index_t n) {
  T before = dy;
  for (index_t i = 0; i < n; ++i) {
    out[i] = before;
    before *= x[i];
  }
  T after = 1;
  for (index_t i = n - 1; i >= 0; --i) {
    out[i] *= after;
    after *= x[i];
  }
}

Array prod_grad(const Array& x, const Array& dy, const Axes& axes) {
  // Bring the reduced axes last, handle each row, and put the axes back.
  Dims order, inverse(x.ndim());
  std::uint32_t reduced = axes ? 0u : (1u << x.ndim()) - 1;
  if (axes) {
    for (index_t a : *axes) reduced |= 1u << normalize_axis(a, x.ndim());
  }
  for (int pass = 0; pass < 2; ++pass) {
    for (int d = 0; d < x.ndim(); ++d) {
      if (((reduced >> d) & 1u) == static_cast<std::uint32_t>(pass)) order.push_back(d);
    }
  }
  for (int d = 0; d < order.size(); ++d) inverse[static_cast<int>(order[d])] = d;
  const Array rows = ops::to_compute(x).permute(order).contiguous();
  const Array flat_dy = dy.astype(rows.dtype()).contiguous();
  const index_t length = ops::reduced_count(x.shape(), axes);
  const Array out = Array::empty(rows.shape(), rows.dtype());
  visit_float(rows.dtype(), "prod", [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *px = rows.data<T>(), *pd = flat_dy.data<T>();
    T* po = out.data<T>();
    parallel_for(length > 0 ? rows.size() / length : 0,
                 std::max<index_t>(1, 16384 / std::max<index_t>(length, 1)),
                 [=](index_t begin, index_t end) {
                   for (index_t i = begin; i < end; ++i) {
                     prod_grad_row(px + i * length, pd[i], po + i * length, length);
                   }
                 });
  });
  return out.permute(inverse);
}

}  // namespace

Tensor sum(const Tensor& x, const Axes& axes, bool keepdims) {
  const Tensor out(ops::sum(x.array(), axes, keepdims));
  if (!tracked(x)) return out;
  return attach(out, "SumBackward", {&x}, [axes, shape = x.shape()](const Array& dy, Grads& g) {
    g.set(0, lift(dy, shape, axes).expand(shape));
  });
}

Tensor mean(const Tensor& x, const Axes& axes, bool keepdims) {
  const Tensor out(ops::mean(x.array(), axes, keepdims));
  if (!tracked(x)) return out;
  return attach(out, "MeanBackward", {&x}, [axes, shape = x.shape()](const Array& dy, Grads& g) {
    const double n = static_cast<double>(ops::reduced_count(shape, axes));
    g.set(0, ops::mul(lift(dy, shape, axes), 1.0 / n).expand(shape));
  });
}

Tensor prod(const Tensor& x, const Axes& axes, bool keepdims) {
  const Tensor out(ops::reduce(ops::Reduce::prod, x.array(), axes, keepdims));
  if (!tracked(x)) return out;
  return attach(out, "ProdBackward", {&x}, [axes, s = Saved(x.array())](const Array& dy, Grads& g) {
    g.set(0, prod_grad(s.get(), dy, axes));
  });
}

Tensor max(const Tensor& x, const Axes& axes, bool keepdims) {
  return extreme(x, axes, keepdims, true);
}
Tensor min(const Tensor& x, const Axes& axes, bool keepdims) {
  return extreme(x, axes, keepdims, false);
}

Tensor var(const Tensor& x, const Axes& axes, double correction, bool keepdims) {
  const Tensor out(ops::variance(x.array(), axes, correction, keepdims));
  if (!tracked(x)) return out;
  return attach(out, "VarBackward", {&x},
                [axes, correction, s = Saved(x.array())](const Array& dy, Grads& g) {
                  const Array& in = s.get();
                  const double n = static_cast<double>(ops::reduced_count(in.shape(), axes));
                  const Array centered = ops::sub(in, ops::mean(in, axes, true));
                  const double divisor = std::max(0.0, n - correction);
                  g.set(0, ops::mul(ops::mul(centered, 2.0 / divisor), lift(dy, in.shape(), axes)));
                });
}

Tensor std(const Tensor& x, const Axes& axes, double correction, bool keepdims) {
  return unary(Unary::sqrt, var(x, axes, correction, keepdims));
}

Tensor logsumexp(const Tensor& x, const Axes& axes, bool keepdims) {
  const Tensor out(ops::logsumexp(x.array(), axes, keepdims));
  if (!tracked(x)) return out;
  return attach(out, "LogSumExpBackward", {&x},
                [axes, s = Saved(x.array()), y = Saved(out.array())](const Array& dy, Grads& g) {
                  const Array& in = s.get();
                  const Array shifted = ops::sub(in, lift(y.get(), in.shape(), axes));
                  g.set(0, ops::mul(ops::unary(Unary::exp, shifted), lift(dy, in.shape(), axes)));
                });
}

Tensor cumsum(const Tensor& x, index_t axis) {
  const Tensor out(ops::cumsum(x.array(), axis));
  if (!tracked(x)) return out;
  return attach(out, "CumsumBackward", {&x},
                [axis](const Array& dy, Grads& g) { g.set(0, ops::cumsum(dy, axis, true)); });
}

Tensor argmax(const Tensor& x, std::optional<index_t> axis, bool keepdims) {
  return Tensor(ops::argmax(x.array(), axis, keepdims));
}
Tensor argmin(const Tensor& x, std::optional<index_t> axis, bool keepdims) {
  return Tensor(ops::argmin(x.array(), axis, keepdims));
}

}  // namespace tt::autograd
