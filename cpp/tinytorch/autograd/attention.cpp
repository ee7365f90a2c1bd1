// Gradients of attention.
#include "tinytorch/autograd/attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tinytorch/autograd/functions.hpp"
#include "tinytorch/ops/attention.hpp"

namespace tt::autograd {

namespace {

// -inf above the diagonal that lets query i see keys up to i + (keys - queries).
Array causal_bias(index_t queries, index_t keys, DType type) {
  const Array bias = Array::zeros({queries, keys}, type);
  visit_float(type, "attention", [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* p = bias.template data<T>();
    for (index_t i = 0; i < queries; ++i) {
      for (index_t j = std::max<index_t>(0, i + keys - queries + 1); j < keys; ++j) {
        p[i * keys + j] = -std::numeric_limits<T>::infinity();
      }
    }
  });
  return bias;
}

Tensor unmasked_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                          const ops::AttentionOptions& options) {
  const Tensor out(ops::attention(q.array(), k.array(), v.array(), options));
  if (!tracked(q, k, v)) return out;
  return attach(out, "ScaledDotProductAttentionBackward", {&q, &k, &v},
                [options, sq = Saved(q.array()), sk = Saved(k.array()), sv = Saved(v.array())](
                    const Array& dy, Grads& g) {
                  auto d = ops::attention_grad(dy, sq.get(), sk.get(), sv.get(), options);
                  g.set(0, d.dq);
                  g.set(1, d.dk);
                  g.set(2, d.dv);
                });
}

}  // namespace

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const Tensor& mask, bool causal, std::optional<double> scale) {
  const int nd = q.array().ndim();
  if (nd < 2 || k.array().ndim() < 2 || v.array().ndim() < 2) {
    fail<ShapeError>("attention needs queries, keys and values of shape (..., length, width), got ",
                     to_string(q.shape()), ", ", to_string(k.shape()), " and ",
                     to_string(v.shape()));
  }
  const double s = scale ? *scale : 1.0 / std::sqrt(static_cast<double>(q.shape().back()));
  if (!mask.defined() && ops::attention_fits(q.array(), k.array(), v.array(), causal)) {
    const bool learns = tracked(q, k, v);
    return unmasked_attention(q, k, v,
                              {causal, s, learns ? training_products() : autocast_products()});
  }
  const Tensor scaled = mul(q, Tensor(Array::scalar(s, ops::to_compute(q.array()).dtype())));
  Tensor scores = matmul(scaled, transpose(k, -2, -1));
  if (causal) {
    const int d = scores.array().ndim();
    scores = add(scores,
                 Tensor(causal_bias(scores.shape()[d - 2], scores.shape()[d - 1], scores.dtype())));
  }
  if (mask.defined()) {
    if (mask.dtype() == DType::boolean) {  // true keeps, as in PyTorch
      const Tensor none(Array::scalar(-std::numeric_limits<double>::infinity(), scores.dtype()));
      scores = where(mask, scores, none);
    } else {
      scores = add(scores, mask);
    }
  }
  const Tensor out = matmul(softmax(scores, -1), v);
  const DType type = promote(promote(q.dtype(), k.dtype()), v.dtype());
  return is_half(type) ? cast(out, type) : out;
}

namespace {

struct Heads {
  Array q, k, v;
};

// Views (batch, heads, length, width) of qkv (..., length, 3 heads width).
Heads heads_of(const Array& qkv, index_t heads) {
  const int nd = qkv.ndim();
  const index_t length = qkv.shape(nd - 2), width = qkv.shape(nd - 1) / (3 * heads);
  const index_t batch = qkv.size() / (length * 3 * heads * width);
  const Array split = qkv.reshape_view({batch, length, 3, heads, width}).permute({2, 0, 3, 1, 4});
  return {split.select(0, 0), split.select(0, 1), split.select(0, 2)};
}

void check_packed(const Tensor& qkv, index_t heads) {
  if (heads < 1) fail<ValueError>("packed_attention needs at least 1 head, got ", heads);
  if (qkv.array().ndim() < 2 || qkv.shape().back() % (3 * heads) != 0) {
    fail<ShapeError>("packed_attention needs an input of shape (..., length, 3 * heads * width), ",
                     "got ", to_string(qkv.shape()), " for ", heads, " heads");
  }
}

// The same step by step, for other types than float32 and for nothing at all.
Tensor packed_in_steps(const Tensor& qkv, index_t heads, bool causal, std::optional<double> scale) {
  const int nd = qkv.array().ndim();
  Shape apart = qkv.shape(), joined = qkv.shape();
  const index_t width = apart[nd - 1] / (3 * heads);
  apart[nd - 1] = 3;
  apart.push_back(heads);
  apart.push_back(width);
  joined[nd - 1] = heads * width;
  const auto parts = split(reshape(qkv, apart), {1, 1, 1}, nd - 1);
  const auto part = [&](std::size_t i) {
    return transpose(squeeze(parts[i], nd - 1), nd - 2, nd - 1);
  };
  const Tensor y = scaled_dot_product_attention(part(0), part(1), part(2), Tensor(), causal, scale);
  return reshape(transpose(y, nd - 2, nd - 1), joined);
}

}  // namespace

Tensor packed_attention(const Tensor& qkv, index_t heads, bool causal,
                        std::optional<double> scale) {
  check_packed(qkv, heads);
  if (qkv.dtype() != DType::f32 || qkv.array().size() == 0) {
    return packed_in_steps(qkv, heads, causal, scale);
  }
  const Array in = qkv.array().contiguous();
  const Heads h = heads_of(in, heads);
  const double width = static_cast<double>(h.q.shape(3));
  const ops::AttentionOptions options{causal, scale ? *scale : 1.0 / std::sqrt(width),
                                      tracked(qkv) ? training_products() : autocast_products()};
  Shape shape = qkv.shape();
  shape[shape.size() - 1] /= 3;
  const Tensor out(ops::attention(h.q, h.k, h.v, options).transpose(1, 2).reshape(shape));
  if (!tracked(qkv)) return out;
  return attach(out, "PackedAttentionBackward", {&qkv},
                [options, heads, saved = Saved(in)](const Array& dy, Grads& g) {
                  const Array& x = saved.get();
                  const Array dx = Array::empty(x.shape());
                  const Heads from = heads_of(x, heads), to = heads_of(dx, heads);
                  Shape apart = from.q.shape();
                  std::swap(apart[1], apart[2]);
                  const Array d = dy.contiguous().reshape(apart).transpose(1, 2);
                  ops::attention_grad_into(d, from.q, from.k, from.v, options, {to.q, to.k, to.v});
                  g.set(0, dx);
                });
}

}  // namespace tt::autograd
