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

}  // namespace tt::ops
