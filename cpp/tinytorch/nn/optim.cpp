#include "tinytorch/nn/optim.hpp"

#include <cmath>
#include <numbers>

#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/ops/elementwise.hpp"
#include "tinytorch/ops/reduce.hpp"

namespace tt::nn {
namespace {

// float32, contiguous and not shared with anyone who may still read the old values.
float* values(autograd::Tensor& parameter) {
  const Array& a = parameter.array();
  if (!a.unique() || !a.is_contiguous()) parameter.set_array(a.copy());
  return parameter.array().data<float>();
}

}  // namespace

Optimizer::Optimizer(std::vector<autograd::Tensor> parameters) : parameters_(std::move(parameters)) {
  for (const auto& p : parameters_) {
    if (!p.requires_grad()) fail<ValueError>("an optimizer was given a tensor that does not require gradients");
    if (p.dtype() != DType::f32) fail<DTypeError>("optimizers update float32 parameters, got ", name_of(p.dtype()));
  }
}

void Optimizer::zero_grad() {
  for (const auto& p : parameters_) p.zero_grad();
}

Sgd::Sgd(std::vector<autograd::Tensor> parameters, const SgdOptions& options)
    : Optimizer(std::move(parameters)), options_(options), velocity_(parameters_.size()) {
  lr = options.lr;
}

void Sgd::step() {
  const kernels::SgdArgs args{static_cast<float>(lr), options_.momentum, options_.weight_decay, options_.nesterov};
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Array g = parameters_[i].grad().contiguous();
    if (!g.defined()) continue;
    if (args.momentum != 0.0f && !velocity_[i].defined()) velocity_[i] = Array::zeros(g.shape());
    float* v = velocity_[i].defined() ? velocity_[i].data<float>() : nullptr;
    kernels::active().optim.sgd(values(parameters_[i]), g.data<float>(), v,
                                static_cast<std::size_t>(g.size()), args);
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
    const Array g = parameters_[i].grad().contiguous();
    if (!g.defined()) continue;
    if (!first_[i].defined()) {
      first_[i] = Array::zeros(g.shape());
      second_[i] = Array::zeros(g.shape());
    }
    kernels::active().optim.adam(values(parameters_[i]), g.data<float>(), first_[i].data<float>(),
                                 second_[i].data<float>(), static_cast<std::size_t>(g.size()), args);
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
