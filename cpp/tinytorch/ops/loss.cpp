#include "tinytorch/ops/loss.hpp"

#include <cmath>

#include "tinytorch/ops/elementwise.hpp"
#include "tinytorch/ops/index.hpp"
#include "tinytorch/ops/softmax.hpp"

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

}  // namespace

CrossEntropy cross_entropy(const Array& logits, const Array& targets, double smoothing) {
  const Array at = checked_targets(logits, targets);
  const Array lp = log_softmax(to_compute(logits), -1);
  const Array loss = Array::empty({}, lp.dtype());
  visit_float(lp.dtype(), "cross entropy", [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* p = lp.template data<T>();
    const index_t* v = at.data<index_t>();
    const index_t classes = lp.shape().back();
    double total = 0.0;
    for (index_t i = 0; i < at.size(); ++i) {
      double row = (1.0 - smoothing) * static_cast<double>(p[i * classes + v[i]]);
      if (smoothing > 0.0) {
        double all = 0.0;
        for (index_t c = 0; c < classes; ++c) all += static_cast<double>(p[i * classes + c]);
        row += smoothing / static_cast<double>(classes) * all;
      }
      total -= row;
    }
    *loss.template data<T>() = static_cast<T>(total / static_cast<double>(at.size()));
  });
  return {loss, lp};
}

Array cross_entropy_grad(const Array& dy, const Array& log_probability, const Array& targets,
                         double smoothing) {
  const Array grad = unary(Unary::exp, log_probability);
  const Array at = targets.astype(DType::i64).contiguous();
  visit_float(grad.dtype(), "cross entropy", [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* g = grad.template data<T>();
    const index_t* v = at.data<index_t>();
    const index_t classes = grad.shape().back(), rows = at.size();
    const T scale = static_cast<T>(dy.item() / static_cast<double>(rows));
    const T even = static_cast<T>(smoothing / static_cast<double>(classes));
    const T peak = static_cast<T>(1.0 - smoothing);
    for (index_t i = 0; i < rows; ++i) {
      T* row = g + i * classes;
      if (smoothing > 0.0) {
        for (index_t c = 0; c < classes; ++c) row[c] -= even;
      }
      row[v[i]] -= peak;
      for (index_t c = 0; c < classes; ++c) row[c] *= scale;
    }
  });
  return grad;
}

}  // namespace tt::ops
