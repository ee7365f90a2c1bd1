#include "tinytorch/ops/norm.hpp"

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/norm/reference.hpp"
#include "tinytorch/kernels/streaming.hpp"
#include "tinytorch/ops/elementwise.hpp"
#include "tinytorch/ops/reduce.hpp"

namespace tt::ops {
namespace {

namespace ref = kernels::reference;

index_t checked_width(const Array& x, const Array& gamma, const Array& beta) {
  if (x.ndim() == 0) fail<ShapeError>("normalisation needs at least one dimension, got shape ()");
  const index_t n = x.shape().back();
  for (const Array* p : {&gamma, &beta}) {
    if (p->defined() && !(p->shape() == Shape{n})) {
      fail<ShapeError>("normalisation over the last axis of shape ", to_string(x.shape()),
                       " needs parameters of shape (", n, ",), got ", to_string(p->shape()));
    }
  }
  return n;
}

Shape stats_shape(const Array& x) {
  Shape shape = x.shape();
  shape.erase(x.ndim() - 1);
  return shape;
}

template <class T>
const T* pointer(const Array& a) {
  return a.defined() ? a.data<T>() : nullptr;
}
template <class T>
T* writable(const Array& a) {
  return a.defined() ? a.data<T>() : nullptr;
}

Array like(const Array& p, DType type) { return p.defined() ? p.astype(type).contiguous() : p; }

NormResult normalize(const Array& input, const Array& gamma, const Array& beta, double eps,
                     bool rms) {
  kernels::count_call(kernels::Family::norm);
  const index_t n = checked_width(input, gamma, beta);
  const Array x = to_compute(input).contiguous();
  const Array g = like(gamma, x.dtype()), b = like(beta, x.dtype());
  NormResult r{Array::empty(x.shape(), x.dtype()), Array(),
               Array::empty(stats_shape(x), x.dtype())};
  if (!rms) r.mean = Array::empty(r.rstd.shape(), x.dtype());
  if (x.size() == 0) return r;
  visit_float(x.dtype(), "normalisation", [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *px = x.data<T>(), *pg = pointer<T>(g), *pb = pointer<T>(b);
    T *py = r.y.template data<T>(), *pm = writable<T>(r.mean), *ps = r.rstd.template data<T>();
    const auto width = static_cast<std::size_t>(n);
    const bool streamed = kernels::streams(r.y.nbytes());
    parallel_for(x.size() / n, std::max<index_t>(1, 8192 / n), [=](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i) {
        const T* row = px + i * n;
        T* out = py + i * n;
        const T e = static_cast<T>(eps);
        if constexpr (std::is_same_v<T, float>) {
          const auto& table = kernels::active().norm;
          if (rms)
            (streamed ? table.rms_norm_streamed : table.rms_norm)(row, pg, e, out, width, ps + i);
          else
            (streamed ? table.layer_norm_streamed : table.layer_norm)(row, pg, pb, e, out, width,
                                                                      pm + i, ps + i);
        } else {
          if (rms)
            ref::rms_norm(row, pg, e, out, width, ps + i);
          else
            ref::layer_norm(row, pg, pb, e, out, width, pm + i, ps + i);
        }
      }
      if (streamed) kernels::finish_streamed();
    });
  });
  return r;
}

// Parameter gradients sum over rows: each chunk of rows has its own partial sums, joined in order,
// so that the result does not depend on threads.
NormGrads normalize_grad(const Array& dy, const Array& input, const Array& gamma, const Array& mean,
                         const Array& rstd, bool has_beta) {
  kernels::count_call(kernels::Family::norm);
  const Array x = to_compute(input).contiguous();
  const Array g = dy.astype(x.dtype()).contiguous(), w = like(gamma, x.dtype());
  const index_t n = x.shape().back(), rows = rstd.size();
  const index_t grain = std::max<index_t>(16, 65536 / std::max<index_t>(n, 1));
  const index_t chunks = (rows + grain - 1) / grain;
  NormGrads out{Array::empty(x.shape(), x.dtype()), Array(), Array()};
  Array dg, db;
  if (w.defined()) dg = Array::zeros({chunks, n}, x.dtype());
  if (has_beta) db = Array::zeros({chunks, n}, x.dtype());
  const bool rms = !mean.defined();
  if (x.size() > 0) {
    visit_float(x.dtype(), "normalisation", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const T *px = x.data<T>(), *pd = g.data<T>(), *pw = pointer<T>(w), *pm = pointer<T>(mean),
              *ps = rstd.data<T>();
      T *po = out.dx.template data<T>(), *qg = writable<T>(dg), *qb = writable<T>(db);
      const auto width = static_cast<std::size_t>(n);
      const bool streamed = kernels::streams(out.dx.nbytes());
      parallel_for(rows, grain, [=](index_t begin, index_t end) {
        T* dgamma = qg ? qg + begin / grain * n : nullptr;
        T* dbeta = qb ? qb + begin / grain * n : nullptr;
        for (index_t i = begin; i < end; ++i) {
          const T *row = px + i * n, *grad = pd + i * n;
          T* dx = po + i * n;
          if constexpr (std::is_same_v<T, float>) {
            const auto& table = kernels::active().norm;
            if (rms)
              (streamed ? table.rms_norm_grad_streamed : table.rms_norm_grad)(grad, row, pw, ps[i],
                                                                              dx, dgamma, width);
            else
              (streamed ? table.layer_norm_grad_streamed : table.layer_norm_grad)(
                  grad, row, pw, pm[i], ps[i], dx, dgamma, dbeta, width);
          } else {
            if (rms)
              ref::rms_norm_grad(grad, row, pw, ps[i], dx, dgamma, width);
            else
              ref::layer_norm_grad(grad, row, pw, pm[i], ps[i], dx, dgamma, dbeta, width);
          }
        }
        if (streamed) kernels::finish_streamed();
      });
    });
  }
  if (dg.defined()) out.dgamma = sum(dg, Dims{0});
  if (db.defined()) out.dbeta = sum(db, Dims{0});
  return out;
}

Dims all_but_channels(const Array& x) {
  Dims axes;
  for (int d = 0; d < x.ndim(); ++d) {
    if (d != 1) axes.push_back(d);
  }
  return axes;
}

// A per-channel vector as (1, C, 1, ...), to broadcast against x.
Array channels(const Array& v, const Array& x) {
  Shape shape(x.ndim(), 1);
  shape[1] = v.size();
  return v.reshape(shape);
}

}  // namespace

NormResult layer_norm(const Array& x, const Array& gamma, const Array& beta, double eps) {
  NormResult r = normalize(x, gamma, beta, eps, false);
  r.y = from_compute(r.y, x.dtype());
  return r;
}
NormResult rms_norm(const Array& x, const Array& gamma, double eps) {
  NormResult r = normalize(x, gamma, Array(), eps, true);
  r.y = from_compute(r.y, x.dtype());
  return r;
}
NormGrads layer_norm_grad(const Array& dy, const Array& x, const Array& gamma, const Array& mean,
                          const Array& rstd, bool has_beta) {
  return normalize_grad(dy, x, gamma, mean, rstd, has_beta);
}
NormGrads rms_norm_grad(const Array& dy, const Array& x, const Array& gamma, const Array& rstd) {
  return normalize_grad(dy, x, gamma, Array(), rstd, false);
}

BatchStats batch_stats(const Array& x) {
  const Dims axes = all_but_channels(x);
  return {mean(x, axes), variance(x, axes, 0.0, false)};
}

Array batch_norm(const Array& x, const Array& mean, const Array& rstd, const Array& gamma,
                 const Array& beta) {
  // y = x * scale + shift with scale = rstd gamma, shift = beta - mean scale
  const Array scale = gamma.defined() ? mul(rstd, gamma) : rstd;
  const Array centered = unary(Unary::neg, mul(mean, scale));
  const Array shift = beta.defined() ? add(centered, beta) : centered;
  return add(mul(x, channels(scale, x)), channels(shift, x));
}

NormGrads batch_norm_grad(const Array& dy, const Array& x, const Array& mean, const Array& rstd,
                          const Array& gamma, bool training) {
  const Dims axes = all_but_channels(x);
  const Array normal = mul(sub(x, channels(mean, x)), channels(rstd, x));
  NormGrads out;
  out.dgamma = sum(mul(dy, normal), axes);
  out.dbeta = sum(dy, axes);
  const Array scale = channels(gamma.defined() ? mul(rstd, gamma) : rstd, x);
  if (!training) {
    out.dx = mul(dy, scale);
    return out;
  }
  const double n = static_cast<double>(reduced_count(x.shape(), axes));
  const Array mean_dy = channels(mul(out.dbeta, 1.0 / n), x);
  const Array mean_dyh = channels(mul(out.dgamma, 1.0 / n), x);
  out.dx = mul(sub(sub(dy, mean_dy), mul(normal, mean_dyh)), scale);
  return out;
}

}  // namespace tt::ops
