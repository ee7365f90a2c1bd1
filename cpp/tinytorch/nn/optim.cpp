#include "tinytorch/nn/optim.hpp"

#include <cmath>
#include <numbers>

#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/kernels/optim/optim.hpp"
#include "tinytorch/ops/elementwise.hpp"
#include "tinytorch/ops/reduce.hpp"

namespace tt::nn {
namespace {

void prepare_moments(const std::vector<Array>& grads, std::vector<Array>& moments) {
  for (std::size_t i = 0; i < grads.size(); ++i) {
    if (grads[i].defined() && !moments[i].defined()) moments[i] = Array::zeros(grads[i].shape());
  }
}

}  // namespace

Optimizer::Optimizer(std::vector<autograd::Tensor> parameters)
    : parameters_(std::move(parameters)) {
  for (const auto& p : parameters_) {
    if (!p.requires_grad())
      fail<ValueError>("an optimizer was given a tensor that does not require gradients");
    if (p.dtype() != DType::f32)
      fail<DTypeError>("optimizers update float32 parameters, got ", name_of(p.dtype()));
  }
}

std::vector<Array> Optimizer::prepare() {
  std::vector<Array> grads;
  for (auto& p : parameters_) {
    const Array g = p.grad();
    grads.push_back(g.defined() ? g.contiguous() : g);
    if (!g.defined()) continue;
    const Array& a = p.array();
    if (!a.unique() || !a.is_contiguous()) p.set_array(a.copy());
  }
  return grads;
}

void Optimizer::zero_grad() {
  for (const auto& p : parameters_) p.zero_grad();
}

Sgd::Sgd(std::vector<autograd::Tensor> parameters, const SgdOptions& options)
    : Optimizer(std::move(parameters)), options_(options), velocity_(parameters_.size()) {
  lr = options.lr;
}

void Sgd::step() {
  const kernels::SgdArgs args{static_cast<float>(lr), options_.momentum, options_.weight_decay,
                              options_.nesterov};
  const std::vector<Array> grads = prepare();
  if (args.momentum != 0.0f) prepare_moments(grads, velocity_);
  const Uninterrupted whole;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Array& g = grads[i];
    if (!g.defined()) continue;
    float* v = velocity_[i].defined() ? velocity_[i].data<float>() : nullptr;
    kernels::sgd(parameters_[i].array().data<float>(), g.data<float>(), v, g.size(), args);
  }
}

Adam::Adam(std::vector<autograd::Tensor> parameters, const AdamOptions& options)
    : Optimizer(std::move(parameters)),
      options_(options),
      first_(parameters_.size()),
      second_(parameters_.size()) {
  lr = options.lr;
}

void Adam::step() {
  const std::vector<Array> grads = prepare();
  prepare_moments(grads, first_);
  prepare_moments(grads, second_);
  const Uninterrupted whole;
  ++steps_;
  const auto t = static_cast<double>(steps_);
  const kernels::AdamArgs args{lr,
                               options_.beta1,
                               options_.beta2,
                               options_.eps,
                               options_.weight_decay,
                               1.0 - std::pow(options_.beta1, t),
                               1.0 - std::pow(options_.beta2, t),
                               options_.decoupled};
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Array& g = grads[i];
    if (!g.defined()) continue;
    kernels::adam(parameters_[i].array().data<float>(), g.data<float>(), first_[i].data<float>(),
                  second_[i].data<float>(), g.size(), args);
  }
}

double warmup_cosine(std::int64_t step, std::int64_t total, std::int64_t warmup, double high,
                     double low) {
  if (step < warmup) return high * static_cast<double>(step + 1) / static_cast<double>(warmup);
  if (step >= total) return low;
  const double progress = static_cast<double>(step - warmup) / static_cast<double>(total - warmup);
  const double cosine = 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
  return low + (high - low) * cosine;
}

double clip_grad_norm(const std::vector<autograd::Tensor>& parameters, double max_norm) {
  double squares = 0.0;
  for (const auto& p : parameters) {
    const Array g = p.grad();
    if (g.defined()) squares += ops::sum(ops::mul(g, g)).item();
  }
  const double norm = std::sqrt(squares);
  if (!(norm > max_norm)) return norm;
  for (const auto& p : parameters) {
    const Array g = p.grad();
    if (!g.defined()) continue;
    p.meta()->set_grad(ops::mul(g, max_norm / norm));
  }
  return norm;
}

}  // namespace tt::nn
