#include "tinytorch/ops/loss.hpp"

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/reduce/reference.hpp"
#include "tinytorch/kernels/softmax/reference.hpp"
#include "tinytorch/kernels/streaming.hpp"
#include "tinytorch/ops/elementwise.hpp"
#include "tinytorch/ops/index.hpp"

namespace tt::ops {
namespace {

Array checked_targets(const Array& logits, const Array& targets) {
  if (logits.ndim() < 1) fail<ShapeError>("cross entropy needs logits of shape (..., classes)");
  const index_t classes = logits.shape().back();
  const index_t rows = classes > 0 ? logits.size() / classes : 0;
  if (targets.size() != rows) {
    fail<ShapeError>("cross entropy needs one class index per row: ", rows, " for logits of shape ",
                     to_string(logits.shape()), ", got targets of shape ",
                     to_string(targets.shape()));
  }
  const Array at = as_indices(targets).contiguous();
  const index_t* v = at.data<index_t>();
  for (index_t i = 0; i < rows; ++i) {
    if (v[i] < 0 || v[i] >= classes) {
      fail<IndexError>("class index ", v[i], " is out of range for ", classes, " classes");
    }
  }
  return at;
}

constexpr index_t kGrain = 8192;  // elements

index_t row_grain(index_t classes) { return std::max<index_t>(1, kGrain / classes); }

template <class T>
void normalizer(const T* x, index_t n, T* top, T* log_total) {
  const auto width = static_cast<std::size_t>(n);
  if constexpr (std::is_same_v<T, float>) {
    kernels::active().softmax.normalizer(x, width, top, log_total);
  } else {
    kernels::reference::normalizer(x, width, top, log_total);
  }
}

template <class T>
double row_sum(const T* x, index_t n) {
  const auto width = static_cast<std::size_t>(n);
  if constexpr (std::is_same_v<T, float>) {
    return static_cast<double>(kernels::active().reduce.sum(x, width));
  } else {
    return kernels::reference::sum(x, width);
  }
}

template <class T>
auto gradient_kernel(bool streamed) {
  if constexpr (std::is_same_v<T, float>) {
    const auto& table = kernels::active().softmax;
    return streamed ? table.cross_entropy_grad_streamed : table.cross_entropy_grad;
  } else {
    return &kernels::reference::cross_entropy_grad<T>;
  }
}

}  // namespace

CrossEntropy cross_entropy(const Array& logits, const Array& targets, double smoothing) {
  kernels::count_call(kernels::Family::softmax);
  const Array at = checked_targets(logits, targets);
  const Array x = to_compute(logits).contiguous();
  const index_t rows = at.size();
  CrossEntropy r{Array::empty({}, x.dtype()), Array::empty({rows}, x.dtype()),
                 Array::empty({rows}, x.dtype())};
  const Array each = Array::empty({rows}, DType::f64);
  visit_float(x.dtype(), "cross entropy", [&](auto tag) {
    using T = typename decltype(tag)::type;
    const index_t classes = x.shape().back();
    const T* px = x.template data<T>();
    const index_t* v = at.data<index_t>();
    T *top = r.top.template data<T>(), *log_total = r.log_total.template data<T>();
    double* pe = each.data<double>();
    if (rows > 0) {
      parallel_for(rows, row_grain(classes), [=](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i) {
          const T* row = px + i * classes;
          normalizer(row, classes, top + i, log_total + i);
          const double peak = static_cast<double>(top[i]), rest = static_cast<double>(log_total[i]);
          pe[i] = rest - (1.0 - smoothing) * (static_cast<double>(row[v[i]]) - peak);
          if (smoothing > 0.0) {
            const double mean = row_sum(row, classes) / static_cast<double>(classes);
            pe[i] -= smoothing * (mean - peak);
          }
        }
      });
    }
    double total = 0.0;
    for (index_t i = 0; i < rows; ++i) total += pe[i];
    *r.loss.template data<T>() = static_cast<T>(total / static_cast<double>(rows));
  });
  return r;
}

Array cross_entropy_grad(const Array& dy, const Array& logits, const CrossEntropy& forward,
                         const Array& targets, double smoothing) {
  kernels::count_call(kernels::Family::softmax);
  const Array x = to_compute(logits).contiguous();
  const Array grad = Array::empty(x.shape(), x.dtype());
  const Array at = as_indices(targets).contiguous();
  if (at.size() == 0) return grad;
  visit_float(x.dtype(), "cross entropy", [&](auto tag) {
    using T = typename decltype(tag)::type;
    const index_t classes = x.shape().back(), rows = at.size();
    const T *px = x.template data<T>(), *top = forward.top.template data<T>(),
            *log_total = forward.log_total.template data<T>();
    T* pg = grad.template data<T>();
    const index_t* v = at.data<index_t>();
    const T scale = static_cast<T>(dy.item() / static_cast<double>(rows));
    const T even = static_cast<T>(smoothing / static_cast<double>(classes));
    const T hit = static_cast<T>(smoothing / static_cast<double>(classes) + (1.0 - smoothing));
    const bool streamed = kernels::streams(grad.nbytes());
    const auto whole = gradient_kernel<T>(streamed), single = gradient_kernel<T>(false);
    parallel_for(rows, row_grain(classes), [=](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i) {
        const index_t row = i * classes, label = row + v[i];
        whole(px + row, top[i], log_total[i], even, scale, pg + row,
              static_cast<std::size_t>(classes));
        single(px + label, top[i], log_total[i], hit, scale, pg + label, 1);
      }
      if (streamed) kernels::finish_streamed();
    });
  });
  return grad;
}

}  // namespace tt::ops
