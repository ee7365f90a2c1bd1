#include "tinytorch/ops/softmax.hpp"

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/softmax/reference.hpp"
#include "tinytorch/ops/elementwise.hpp"

namespace tt::ops {
namespace {

index_t row_grain(index_t n) { return std::max<index_t>(1, 8192 / std::max<index_t>(n, 1)); }

// run(in..., out, n) on each row along `axis`; operands have one shape and dtype.
template <class T, class Run>
Array along(const Array& a, const Array& b, int axis, Run run) {
  const int last = a.ndim() - 1;
  const Array pa = a.transpose(axis, last).contiguous();
  const Array pb = b.defined() ? b.transpose(axis, last).contiguous() : pa;
  const Array out = Array::empty(pa.shape(), pa.dtype());
  const index_t n = pa.shape(last);
  if (pa.size() == 0) return out.transpose(axis, last).contiguous();
  const T* xa = pa.template data<T>();
  const T* xb = pb.template data<T>();
  T* xo = out.template data<T>();
  parallel_for(pa.size() / n, row_grain(n), [=](index_t begin, index_t end) {
    for (index_t r = begin; r < end; ++r) {
      run(xa + r * n, xb + r * n, xo + r * n, static_cast<std::size_t>(n));
    }
  });
  return out.transpose(axis, last).contiguous();
}

// The four functions differ only in the kernel: `fast` for float32, `plain` for float64.
template <class Fast, class Plain>
Array apply(const Array& a, const Array& b, index_t axis, Fast fast, Plain plain) {
  const Array x = to_compute(a);
  const Array y = b.defined() ? b.astype(x.dtype()) : b;
  if (x.ndim() == 0) {  // one element: a row of length 1
    normalize_axis(axis, 1);
    const Array row = apply(x.unsqueeze(0), y.defined() ? y.unsqueeze(0) : y, 0, fast, plain);
    return from_compute(row.squeeze(0), a.dtype());
  }
  const int d = normalize_axis(axis, x.ndim());
  const Array out =
      x.dtype() == DType::f64 ? along<double>(x, y, d, plain) : along<float>(x, y, d, fast);
  return from_compute(out, a.dtype());
}

}  // namespace

Array softmax(const Array& x, index_t axis) {
  kernels::count_call(kernels::Family::softmax);
  const auto kernel = kernels::active().softmax.softmax;
  return apply(
      x, Array(), axis,
      [kernel](const float* a, const float*, float* o, std::size_t n) { kernel(a, o, n); },
      [](const double* a, const double*, double* o, std::size_t n) {
        kernels::reference::softmax(a, o, n);
      });
}

Array log_softmax(const Array& x, index_t axis) {
  kernels::count_call(kernels::Family::softmax);
  const auto kernel = kernels::active().softmax.log_softmax;
  return apply(
      x, Array(), axis,
      [kernel](const float* a, const float*, float* o, std::size_t n) { kernel(a, o, n); },
      [](const double* a, const double*, double* o, std::size_t n) {
        kernels::reference::log_softmax(a, o, n);
      });
}

Array softmax_grad(const Array& dy, const Array& y, index_t axis) {
  kernels::count_call(kernels::Family::softmax);
  return apply(dy, y, axis, kernels::active().softmax.softmax_grad,
               [](const double* g, const double* s, double* o, std::size_t n) {
                 kernels::reference::softmax_grad(g, s, o, n);
               });
}

Array log_softmax_grad(const Array& dy, const Array& y, index_t axis) {
  kernels::count_call(kernels::Family::softmax);
  return apply(dy, y, axis, kernels::active().softmax.log_softmax_grad,
               [](const double* g, const double* s, double* o, std::size_t n) {
                 kernels::reference::log_softmax_grad(g, s, o, n);
               });
}

}  // namespace tt::ops
