// Gradients of operators that move or copy values.
#include "tinytorch/autograd/functions.hpp"

namespace tt::autograd {

Tensor reshape(const Tensor& x, const Shape& shape) {
  const Tensor out(x.array().reshape(shape));
  if (!tracked(x)) return out;
  return attach(out, "ReshapeBackward", {&x},
                [from = x.shape()](const Array& dy, Grads& g) { g.set(0, dy.reshape(from)); });
}

Tensor transpose(const Tensor& x, index_t a, index_t b) {
  const int p = normalize_axis(a, x.array().ndim()), q = normalize_axis(b, x.array().ndim());
  const Tensor out(x.array().transpose(p, q));
  if (!tracked(x)) return out;
  return attach(out, "TransposeBackward", {&x},
                [=](const Array& dy, Grads& g) { g.set(0, dy.transpose(p, q)); });
}

Tensor permute(const Tensor& x, const Dims& axes) {
  const Tensor out(x.array().permute(axes));
  if (!tracked(x)) return out;
  Dims inverse(axes.size());
  for (int d = 0; d < axes.size(); ++d) inverse[normalize_axis(axes[d], axes.size())] = d;
  return attach(out, "PermuteBackward", {&x},
                [inverse](const Array& dy, Grads& g) { g.set(0, dy.permute(inverse)); });
}

Tensor expand(const Tensor& x, const Shape& shape) {
  Shape full = shape;
  const int shift = shape.size() - x.array().ndim();
  for (int d = 0; d < full.size(); ++d) {
    if (full[d] == -1 && d >= shift) full[d] = x.shape()[d - shift];  // as in PyTorch: keep
  }
  const Tensor out(x.array().expand(full));
  if (!tracked(x)) return out;
  return attach(out, "ExpandBackward", {&x}, [](const Array& dy, Grads& g) { g.set(0, dy); });
}

Tensor squeeze(const Tensor& x, std::optional<index_t> axis) {
  Shape shape;
  const int only = axis ? normalize_axis(*axis, x.array().ndim()) : -1;
  for (int d = 0; d < x.array().ndim(); ++d) {
    const bool drop = x.shape()[d] == 1 && (only < 0 || d == only);
    if (!drop) shape.push_back(x.shape()[d]);
  }
  return reshape(x, shape);
}

Tensor unsqueeze(const Tensor& x, index_t axis) {
  Shape shape = x.shape();
  shape.insert(normalize_axis(axis, shape.size() + 1), 1);
  return reshape(x, shape);
}

Tensor flip(const Tensor& x, const Dims& axes) {
  const auto flipped = [](Array a, const Dims& along) {
    for (index_t axis : along) a = a.flip(normalize_axis(axis, a.ndim()));
    return a;
  };
  const Tensor out(flipped(x.array(), axes));
  if (!tracked(x)) return out;
  return attach(out, "FlipBackward", {&x},
                [=](const Array& dy, Grads& g) { g.set(0, flipped(dy, axes)); });
}

namespace {

std::vector<Array> arrays_of(const std::vector<Tensor>& xs) {
  std::vector<Array> arrays;
  for (const Tensor& x : xs) arrays.push_back(x.array());
  return arrays;
}

bool any_tracked(const std::vector<Tensor>& xs) {
  bool any = false;
  for (const Tensor& x : xs) any = any || x.requires_grad();
  return any && grad_enabled();
}

}  // namespace

Tensor concat(const std::vector<Tensor>& xs, index_t axis) {
  const Tensor out(ops::concat(arrays_of(xs), axis));
  if (!any_tracked(xs)) return out;
  const int d = normalize_axis(axis, out.array().ndim());
  std::vector<index_t> sizes;
  for (const Tensor& x : xs) sizes.push_back(x.shape()[d]);
  return attach(out, "ConcatBackward", xs, [d, sizes](const Array& dy, Grads& g) {
    index_t at = 0;
    for (std::size_t i = 0; i < sizes.size(); at += sizes[i++]) g.set(i, dy.slice(d, at, sizes[i]));
  });
}

Tensor stack(const std::vector<Tensor>& xs, index_t axis) {
  const Tensor out(ops::stack(arrays_of(xs), axis));
  if (!any_tracked(xs)) return out;
  const int d = normalize_axis(axis, out.array().ndim());
  return attach(out, "StackBackward", xs, [d](const Array& dy, Grads& g) {
    for (std::size_t i = 0; i < g.size(); ++i) g.set(i, dy.select(d, static_cast<index_t>(i)));
  });
}

std::vector<Tensor> split(const Tensor& x, const std::vector<index_t>& sizes, index_t axis) {
  const int d = normalize_axis(axis, x.array().ndim());
  index_t total = 0;
  for (index_t n : sizes) {
    if (n < 0) fail<ValueError>("split sizes must be at least 0, got ", n);
    total += n;
  }
  if (total != x.shape()[d]) {
    fail<ValueError>("split sizes add up to ", total, ", but axis ", d, " has size ", x.shape()[d]);
  }
  std::vector<Tensor> parts;
  index_t at = 0;
  for (index_t n : sizes) {
    ops::IndexKey key(static_cast<std::size_t>(d), ops::Slice{});
    key.push_back(ops::Slice{at, at + n, 1});
    parts.push_back(index(x, key));
    at += n;
  }
  return parts;
}

Tensor pad(const Tensor& x, const std::vector<ops::PadWidth>& widths, double value) {
  const Tensor out(ops::pad(x.array(), widths, value));
  if (!tracked(x)) return out;
  std::vector<ops::PadWidth> inverse;
  for (const auto& w : widths) inverse.push_back({-w.before, -w.after});
  return attach(out, "PadBackward", {&x},
                [inverse](const Array& dy, Grads& g) { g.set(0, ops::pad(dy, inverse, 0.0)); });
}

}  // namespace tt::autograd
