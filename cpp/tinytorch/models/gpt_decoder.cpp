#include "tinytorch/models/gpt_decoder.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"

namespace tt::models {
namespace {

using kernels::Family;

Array checked(const char* what, const Array& a, const Shape& shape) {
  if (!(a.shape() == shape)) {
    fail<ShapeError>("GptDecoder: ", what, " must have shape ", to_string(shape), ", got ",
                     to_string(a.shape()));
  }
  return a.astype(DType::f32).contiguous();
}

void check_block(GptBlockWeights& w, index_t width) {
  const auto vector = [&](const char* what, Array& a, index_t n) { a = checked(what, a, {n}); };
  const auto matrix = [&](const char* what, Array& a, index_t in, index_t out) {
    a = checked(what, a, {in, out});
  };
  if (w.up.ndim() != 2) fail<ShapeError>("GptDecoder: the hidden layer's weight must be a matrix");
  const index_t hidden = w.up.shape(1);
  for (Array* a : {&w.norm1_gamma, &w.norm1_beta, &w.norm2_gamma, &w.norm2_beta}) {
    vector("a norm's parameter", *a, width);
  }
  for (Array* a : {&w.query, &w.key, &w.value, &w.out}) matrix("a projection", *a, width, width);
  for (Array* a : {&w.query_bias, &w.key_bias, &w.value_bias, &w.out_bias, &w.down_bias}) {
    vector("a bias", *a, width);
  }
  matrix("the first hidden weight", w.up, width, hidden);
  vector("the hidden bias", w.up_bias, hidden);
  matrix("the second hidden weight", w.down, hidden, width);
}

// y[n] = x[k] B (+ bias); rows of B are `b_row` apart.
void product(const float* x, index_t k, const float* b, index_t b_row, index_t n, const float* bias,
             float* y) {
  kernels::Gemm g;
  g.m = 1, g.k = k, g.n = n;
  g.a = x, g.a_row = k;
  g.b = b, g.b_row = b_row;
  g.c = y, g.c_row = n;
  g.bias = bias;
  kernels::gemm(g);
}
void linear(const Array& x, const Array& weight, const Array& bias, const Array& y) {
  product(x.data<float>(), weight.shape(0), weight.data<float>(), weight.shape(1), weight.shape(1),
          bias.defined() ? bias.data<float>() : nullptr, y.data<float>());
}

void norm(const Array& x, const Array& gamma, const Array& beta, float eps, const Array& y) {
  kernels::count_call(Family::norm);
  float mean = 0.0f, rstd = 0.0f;
  kernels::active().norm.layer_norm(x.data<float>(), gamma.data<float>(), beta.data<float>(), eps,
                                    y.data<float>(), static_cast<std::size_t>(x.size()), &mean,
                                    &rstd);
}

void add_to(const Array& x, const float* a, const float* b) {
  const auto add = kernels::active().binary.arithmetic[static_cast<int>(kernels::Binary::add)];
  add(a, 1, b, 1, x.data<float>(), static_cast<std::size_t>(x.size()));
}

}  // namespace

GptDecoder::GptDecoder(GptWeights weights, index_t heads, float eps)
    : weights_(std::move(weights)), heads_(heads), eps_(eps) {
  GptWeights& w = weights_;
  if (w.tokens.ndim() != 2 || w.positions.ndim() != 2) {
    fail<ShapeError>("GptDecoder: embeddings must be matrices (rows, width)");
  }
  width_ = w.tokens.shape(1), capacity_ = w.positions.shape(0);
  if (heads < 1 || width_ % heads != 0) {
    fail<ValueError>("GptDecoder: the width ", width_, " cannot be cut into ", heads, " heads");
  }
  w.tokens = checked("the token table", w.tokens, w.tokens.shape());
  w.positions = checked("the position table", w.positions, {capacity_, width_});
  w.norm_gamma = checked("the last norm", w.norm_gamma, {width_});
  w.norm_beta = checked("the last norm", w.norm_beta, {width_});
  w.head = checked("the output weight", w.head, {width_, w.tokens.shape(0)});
  index_t widest = 1;
  for (GptBlockWeights& block : w.blocks) {
    check_block(block, width_);
    widest = std::max(widest, block.up.shape(1));
  }
  layers_.resize(w.blocks.size());
  for (Array* a : {&x_, &normed_, &query_, &key_, &value_, &mixed_, &branch_}) {
    *a = Array::empty({width_});
  }
  hidden_ = Array::empty({widest});
  scores_ = Array::empty({capacity_});
  logits_ = Array::empty({w.tokens.shape(0)});
}

void GptDecoder::attach(index_t layer, const Array& keys, const Array& values, index_t length) {
  const index_t size = width_ / heads_;
  const Shape expected{1, heads_, capacity_, size};
  for (const Array* a : {&keys, &values}) {
    if (!(a->shape() == expected) || a->dtype() != DType::f32 || !a->is_contiguous()) {
      fail<ShapeError>("GptDecoder: a cache must be contiguous float32 of shape ",
                       to_string(expected), ", got ", name_of(a->dtype()), " of shape ",
                       to_string(a->shape()));
    }
  }
  if (layer < 0 || layer >= static_cast<index_t>(layers_.size())) {
    fail<ValueError>("GptDecoder: no layer ", layer, " among ", layers_.size());
  }
  if (length < 0 || length > capacity_) {
    fail<ValueError>("GptDecoder: ", length, " positions do not fit into ", capacity_);
  }
  Layer& l = layers_[static_cast<std::size_t>(layer)];
  l.keys = keys, l.values = values;
  l.turned = Array::empty({heads_, size, capacity_});
  const float* from = keys.data<float>();
  float* to = l.turned.data<float>();
  for (index_t h = 0; h < heads_; ++h) {
    for (index_t t = 0; t < length; ++t) {
      for (index_t d = 0; d < size; ++d) {
        to[(h * size + d) * capacity_ + t] = from[(h * capacity_ + t) * size + d];
      }
    }
  }
}

// mixed_ = softmax(q K^T / sqrt(size)) V, head by head, the new position included.
void GptDecoder::attend(Layer& layer, index_t position) {
  kernels::count_call(Family::softmax);
  const index_t size = width_ / heads_, length = position + 1;
  const auto scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(size)));
  float *q = query_.data<float>(), *scores = scores_.data<float>();
  const float *k = key_.data<float>(), *v = value_.data<float>();
  for (index_t i = 0; i < width_; ++i) q[i] *= scale;
  for (index_t h = 0; h < heads_; ++h) {
    float* keys = layer.keys.data<float>() + h * capacity_ * size;
    float* values = layer.values.data<float>() + h * capacity_ * size;
    float* turned = layer.turned.data<float>() + h * size * capacity_;
    std::copy_n(k + h * size, size, keys + position * size);
    std::copy_n(v + h * size, size, values + position * size);
    for (index_t d = 0; d < size; ++d) turned[d * capacity_ + position] = k[h * size + d];
    product(q + h * size, size, turned, capacity_, length, nullptr, scores);
    kernels::active().softmax.softmax(scores, scores, static_cast<std::size_t>(length));
    product(scores, length, values, size, size, nullptr, mixed_.data<float>() + h * size);
  }
}

void GptDecoder::run_block(const GptBlockWeights& w, Layer& layer, index_t position) {
  norm(x_, w.norm1_gamma, w.norm1_beta, eps_, normed_);
  linear(normed_, w.query, w.query_bias, query_);
  linear(normed_, w.key, w.key_bias, key_);
  linear(normed_, w.value, w.value_bias, value_);
  attend(layer, position);
  linear(mixed_, w.out, w.out_bias, branch_);
  add_to(x_, x_.data<float>(), branch_.data<float>());
  norm(x_, w.norm2_gamma, w.norm2_beta, eps_, normed_);
  linear(normed_, w.up, w.up_bias, hidden_);
  kernels::count_call(Family::unary);
  float* hidden = hidden_.data<float>();
  kernels::active().unary.forward[static_cast<int>(kernels::Unary::gelu_sigmoid)](
      hidden, hidden, static_cast<std::size_t>(w.up.shape(1)), 0.0f);
  linear(hidden_, w.down, w.down_bias, branch_);
  add_to(x_, x_.data<float>(), branch_.data<float>());
}

const Array& GptDecoder::step(index_t token, index_t position) {
  if (token < 0 || token >= weights_.tokens.shape(0)) {
    fail<ValueError>("Index out of range: ids must be in [0, ", weights_.tokens.shape(0), "), got ",
                     token);
  }
  if (position < 0 || position >= capacity_) {
    fail<ValueError>("Sequence position ", position, " is past the cache's ", capacity_,
                     "; call reset() or make a longer cache");
  }
  for (const Layer& layer : layers_) {
    if (!layer.keys.defined()) fail<StateError>("GptDecoder: attach() a cache to each layer first");
  }
  kernels::count_call(Family::rows);
  kernels::count_call(Family::binary);
  add_to(x_, weights_.tokens.data<float>() + token * width_,
         weights_.positions.data<float>() + position * width_);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    run_block(weights_.blocks[i], layers_[i], position);
  }
  norm(x_, weights_.norm_gamma, weights_.norm_beta, eps_, normed_);
  linear(normed_, weights_.head, Array(), logits_);
  return logits_;
}

}  // namespace tt::models
