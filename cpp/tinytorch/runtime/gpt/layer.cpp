#include "tinytorch/runtime/gpt/layer.hpp"

#include <algorithm>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/runtime/gpt/attention.hpp"

namespace tt::runtime {
namespace {

using kernels::Family;
using kernels::Unary;
using models::GptActivation;
using models::GptConfig;

constexpr index_t kChunkValues = 1 << 14;  // elementwise work worth a thread's attention

std::vector<float> values_of(const Array& a) {
  if (!a.defined()) return {};
  const Array plain = a.astype(DType::f32).contiguous();
  return {plain.data<float>(), plain.data<float>() + plain.size()};
}

// One matrix of two, (a; b), each (rows, columns) or a vector; an undefined one counts as zeros.
Array joined(const Array& a, const Array& b) {
  if (!a.defined() && !b.defined()) return Array();
  const Array& some = a.defined() ? a : b;
  Shape shape = some.shape();
  const index_t rows = shape[0];
  shape[0] = 2 * rows;
  const Array both = Array::zeros(shape);
  if (a.defined()) both.slice(0, 0, rows).copy_from(a);
  if (b.defined()) both.slice(0, rows, rows).copy_from(b);
  return both;
}

Unary function_of(GptActivation activation) {
  switch (activation) {
    case GptActivation::gelu:
      return Unary::gelu;
    case GptActivation::gelu_tanh:
      return Unary::gelu_tanh;
    case GptActivation::gelu_sigmoid:
      return Unary::gelu_sigmoid;
    case GptActivation::silu:
      return Unary::silu;
    case GptActivation::relu:
      break;
  }
  return Unary::relu;
}

}  // namespace

RowNorm::RowNorm(const GptConfig& config, const Array& gamma, const Array& beta)
    : rms_(config.norm == models::GptNorm::rms),
      eps_(static_cast<float>(config.eps)),
      gamma_(values_of(gamma)),
      beta_(values_of(beta)) {}

void RowNorm::apply(const float* x, index_t rows, float* y) const {
  kernels::count_call(Family::norm);
  const kernels::NormTable& table = kernels::active().norm;
  const std::size_t n = gamma_.size();
  const auto width = static_cast<index_t>(n);
  const float* beta = beta_.empty() ? nullptr : beta_.data();
  parallel_for(rows, grain_for(kChunkValues, width), [&](index_t begin, index_t end) {
    float mean, rstd;
    for (index_t i = begin; i < end; ++i) {
      const float* from = x + i * width;
      if (rms_) {
        table.rms_norm(from, gamma_.data(), eps_, y + i * width, n, &rstd);
      } else {
        table.layer_norm(from, gamma_.data(), beta, eps_, y + i * width, n, &mean, &rstd);
      }
    }
  });
}

GptLayer::GptLayer(const GptConfig& config, const models::GptBlock& b, Precision precision,
                   index_t index)
    : index_(index),
      norm1_(config, b.norm1_gamma, b.norm1_beta),
      norm2_(config, b.norm2_gamma, b.norm2_beta),
      qkv_(b.qkv, b.qkv_bias, precision),
      proj_(b.proj, b.proj_bias, precision) {
  if (config.gated) {
    up_ = PackedLinear(joined(b.gate, b.up), joined(b.gate_bias, b.up_bias), precision);
  } else {
    up_ = PackedLinear(b.up, b.up_bias, precision);
  }
  down_ = PackedLinear(b.down, b.down_bias, precision);
}

std::size_t GptLayer::stored_bytes() const {
  std::size_t total = norm1_.stored_bytes() + norm2_.stored_bytes();
  for (const PackedLinear* l : {&qkv_, &proj_, &up_, &down_}) total += l->stored_bytes();
  return total;
}

void GptLayer::keep(const GptRows& rows, const Rotary& rotary) const {
  norm1_.apply(rows.x, rows.count, rows.normed);
  qkv_.apply(rows.normed, rows.count, rows.qkv);
  keep_positions(rows, index_, rotary);
}

void GptLayer::run(const GptRows& rows) const {
  attend(rows, index_);
  proj_.apply(rows.mixed, rows.count, rows.x, true);
  norm2_.apply(rows.x, rows.count, rows.normed);
  up_.apply(rows.normed, rows.count, rows.hidden);
  activate(rows);
  down_.apply(rows.hidden, rows.count, rows.x, true, up_.out_features());
}

// hidden = act(hidden), or of the halves of a row: gate = act(gate) * up.
void GptLayer::activate(const GptRows& rows) const {
  kernels::count_call(Family::unary);
  const kernels::Table& table = kernels::active();
  const auto fn = table.unary.forward[static_cast<int>(function_of(rows.config.activation))];
  const auto times = table.binary.arithmetic[static_cast<int>(kernels::Binary::mul)];
  const index_t hidden = rows.config.hidden, row = up_.out_features();
  parallel_for(rows.count * hidden, kChunkValues / 2, [&](index_t begin, index_t end) {
    for (index_t i = begin, n; i < end; i += n) {
      n = std::min(end - i, hidden - i % hidden);
      float* x = rows.hidden + i / hidden * row + i % hidden;
      fn(x, x, static_cast<std::size_t>(n), 0.0f);
      if (row != hidden) times(x, 1, x + hidden, 1, x, static_cast<std::size_t>(n));
    }
  });
}

}  // namespace tt::runtime
