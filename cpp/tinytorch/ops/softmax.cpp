#include "tinytorch/ops/softmax.hpp"

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/softmax/reference.hpp"
#include "tinytorch/kernels/streaming.hpp"
#include "tinytorch/ops/elementwise.hpp"

namespace tt::ops {
namespace {

index_t row_grain(index_t n) { return std::max<index_t>(1, 8192 / std::max<index_t>(n, 1)); }

// run(in..., out, rows, n, streamed) on groups of rows along `axis`; operands have one shape and
// dtype.
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
  const bool streamed = kernels::streams(out.nbytes());
  const index_t grain = row_grain(n) * (streamed ? 8 : 1);
  parallel_for(pa.size() / n, grain, [=](index_t begin, index_t end) {
    run(xa + begin * n, xb + begin * n, xo + begin * n, end - begin, n, streamed);
    if (streamed) kernels::finish_streamed();
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

using kernels::SoftmaxTable;

// run() of a function that takes one row, and has a streamed form or itself once more.
template <class T, class F>
auto each_row(F plain, F streamed) {
  return [=](const T* a, const T*, T* o, index_t rows, index_t n, bool large) {
    const F f = large ? streamed : plain;
    for (index_t r = 0; r < rows; ++r) f(a + r * n, o + r * n, static_cast<std::size_t>(n));
  };
}
template <class T, class F>
auto each_gradient_row(F plain, F streamed) {
  return [=](const T* dy, const T* y, T* o, index_t rows, index_t n, bool large) {
    const F f = large ? streamed : plain;
    for (index_t i = 0; i < rows * n; i += n) f(dy + i, y + i, o + i, static_cast<std::size_t>(n));
  };
}

}  // namespace

Array softmax(const Array& x, index_t axis) {
  kernels::count_call(kernels::Family::softmax);
  const SoftmaxTable& table = kernels::active().softmax;
  const auto plain = each_row<float>(table.softmax, table.softmax);
  const auto wide = &kernels::reference::softmax<double>;
  return apply(
      x, Array(), axis,
      [&table, plain](const float* a, const float* b, float* o, index_t rows, index_t n,
                      bool large) {
        if (!large) return plain(a, b, o, rows, n, false);
        table.softmax_streamed(a, o, static_cast<std::size_t>(rows), static_cast<std::size_t>(n));
      },
      each_row<double>(wide, wide));
}

Array log_softmax(const Array& x, index_t axis) {
  kernels::count_call(kernels::Family::softmax);
  const SoftmaxTable& table = kernels::active().softmax;
  const auto wide = &kernels::reference::log_softmax<double>;
  return apply(x, Array(), axis, each_row<float>(table.log_softmax, table.log_softmax_streamed),
               each_row<double>(wide, wide));
}

Array softmax_grad(const Array& dy, const Array& y, index_t axis) {
  kernels::count_call(kernels::Family::softmax);
  const SoftmaxTable& table = kernels::active().softmax;
  const auto wide = &kernels::reference::softmax_grad<double>;
  return apply(dy, y, axis,
               each_gradient_row<float>(table.softmax_grad, table.softmax_grad_streamed),
               each_gradient_row<double>(wide, wide));
}

Array log_softmax_grad(const Array& dy, const Array& y, index_t axis) {
  kernels::count_call(kernels::Family::softmax);
  const SoftmaxTable& table = kernels::active().softmax;
  const auto wide = &kernels::reference::log_softmax_grad<double>;
  return apply(dy, y, axis,
               each_gradient_row<float>(table.log_softmax_grad, table.log_softmax_grad_streamed),
               each_gradient_row<double>(wide, wide));
}

}  // namespace tt::ops
