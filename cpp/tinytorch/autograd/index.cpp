// Gradients of selection.
#include "tinytorch/autograd/functions.hpp"

namespace tt::autograd {

Tensor index(const Tensor& x, const ops::IndexKey& key) {
  const Tensor out(ops::index(x.array(), key));
  if (!tracked(x)) return out;
  return attach(out, "SliceBackward", {&x}, [key, shape = x.shape()](const Array& dy, Grads& g) {
    g.set(0, ops::index_grad(dy, shape, key));
  });
}

Tensor gather(const Tensor& x, index_t axis, const Tensor& at) {
  const Tensor out(ops::gather(x.array(), axis, at.array()));
  if (!tracked(x)) return out;
  return attach(out, "GatherBackward", {&x},
                [axis, shape = x.shape(), i = Saved(at.array())](const Array& dy, Grads& g) {
                  g.set(0, ops::scatter_add(Array::zeros(shape, dy.dtype()), axis, i.get(), dy));
                });
}

Tensor scatter_add(const Tensor& x, index_t axis, const Tensor& at, const Tensor& source) {
  const Tensor out(ops::scatter_add(x.array(), axis, at.array(), source.array()));
  if (!tracked(x, source)) return out;
  return attach(out, "ScatterAddBackward", {&x, &source},
                [axis, shape = source.shape(), i = Saved(at.array())](const Array& dy, Grads& g) {
                  if (g.want(0)) g.set(0, dy);
                  if (!g.want(1)) return;
                  const Array picked = ops::gather(dy, axis, i.get());
                  std::vector<ops::PadWidth> rest;  // parts of source past the index are unused
                  for (int d = 0; d < shape.size(); ++d)
                    rest.push_back({0, shape[d] - picked.shape(d)});
                  g.set(1, ops::pad(picked, rest, 0.0));
                });
}

Tensor embedding(const Tensor& weight, const Tensor& indices) {
  const Tensor out(ops::take_rows(weight.array(), indices.array()));
  if (!tracked(weight)) return out;
  return attach(out, "EmbeddingBackward", {&weight},
                [shape = weight.shape(), i = Saved(indices.array())](const Array& dy, Grads& g) {
                  // A table that is also a product's weight has a gradient already.
                  if (const Array* sum = g.sum(0); sum != nullptr && sum->dtype() == dy.dtype()) {
                    ops::add_rows_in_place(*sum, dy, i.get());
                  } else {
                    g.set(0, ops::take_rows_grad(dy, i.get(), shape));
                  }
                });
}

}  // namespace tt::autograd
