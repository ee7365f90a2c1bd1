// Optimizers and learning-rate schedules. Formulas: kernels/optim/optim.hpp.
#pragma once
#include <vector>

#include "tinytorch/autograd/tensor.hpp"

namespace tt::nn {

class Optimizer {
 public:
  explicit Optimizer(std::vector<autograd::Tensor> parameters);
  virtual ~Optimizer() = default;
  // Parameters without a gradient are left alone. Ctrl-C leaves all as they were, or all updated.
  virtual void step() = 0;
  void zero_grad();
  double lr = 0.0;  // read at each step; schedules set it

 protected:
  // All that may fail or be interrupted, before anything changes: the contiguous gradients
  // (undefined: none), and parameters of which nobody may still read the old values.
  std::vector<Array> prepare();

  std::vector<autograd::Tensor> parameters_;
};

struct SgdOptions {
  float lr = 0.01f, momentum = 0.0f, weight_decay = 0.0f;
  bool nesterov = false;
};
class Sgd final : public Optimizer {
 public:
  Sgd(std::vector<autograd::Tensor> parameters, const SgdOptions& options);
  void step() override;

 private:
  SgdOptions options_;
  std::vector<Array> velocity_;
};

struct AdamOptions {
  double lr = 0.001, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.0;
  bool decoupled = false;  // true: AdamW
};
class Adam final : public Optimizer {
 public:
  Adam(std::vector<autograd::Tensor> parameters, const AdamOptions& options);
  void step() override;

 private:
  AdamOptions options_;
  std::int64_t steps_ = 0;
  std::vector<Array> first_, second_;
};

// Learning rate at `step` of `total`: linear from 0 over `warmup` steps, then a half cosine from
// `high` to `low` (Loshchilov & Hutter 2017, without restarts).
double warmup_cosine(std::int64_t step, std::int64_t total, std::int64_t warmup, double high,
                     double low);

// Scales all gradients so that their joint L2 norm is at most max_norm; returns the norm before.
double clip_grad_norm(const std::vector<autograd::Tensor>& parameters, double max_norm);

}  // namespace tt::nn
