// Differentiable operators. Each checks whether a gradient is wanted, computes its result with ops,
// and attaches the rule for its gradient. ops.def documents them; the bindings expose them.
#pragma once
#include <optional>
#include <utility>
#include <vector>

#include "tinytorch/autograd/node.hpp"
#include "tinytorch/base/rng.hpp"
#include "tinytorch/ops/elementwise.hpp"
#include "tinytorch/ops/index.hpp"
#include "tinytorch/ops/reduce.hpp"
#include "tinytorch/ops/shape.hpp"

namespace tt::autograd {

using ops::Axes;
using ops::Binary;
using ops::Compare;
using ops::Unary;

// elementwise.cpp
Tensor unary(Unary f, const Tensor& x, double a = 0.0);
Tensor binary(Binary f, const Tensor& a, const Tensor& b);
Tensor compare(Compare f, const Tensor& a, const Tensor& b);  // no gradient
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
Tensor clip(const Tensor& x, std::optional<double> low, std::optional<double> high);
inline Tensor add(const Tensor& a, const Tensor& b) { return binary(Binary::add, a, b); }
inline Tensor sub(const Tensor& a, const Tensor& b) { return binary(Binary::sub, a, b); }
inline Tensor mul(const Tensor& a, const Tensor& b) { return binary(Binary::mul, a, b); }
inline Tensor div(const Tensor& a, const Tensor& b) { return binary(Binary::div, a, b); }
Tensor cast(const Tensor& x, DType dtype);

// reduce.cpp
Tensor sum(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor prod(const Tensor& x, const Axes& axes, bool keepdims);
Tensor max(const Tensor& x, const Axes& axes, bool keepdims);  // equal maxima share the gradient
Tensor min(const Tensor& x, const Axes& axes, bool keepdims);
Tensor var(const Tensor& x, const Axes& axes, double correction, bool keepdims);
Tensor std(const Tensor& x, const Axes& axes, double correction, bool keepdims);
Tensor logsumexp(const Tensor& x, const Axes& axes, bool keepdims);
Tensor cumsum(const Tensor& x, index_t axis);
Tensor argmax(const Tensor& x, std::optional<index_t> axis, bool keepdims);
Tensor argmin(const Tensor& x, std::optional<index_t> axis, bool keepdims);

// linalg.cpp
Tensor matmul(const Tensor& a, const Tensor& b);
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias);  // bias may be undefined
Tensor einsum(const std::string& equation, const Tensor& a, const Tensor& b);

// shape.cpp: views where possible
Tensor reshape(const Tensor& x, const Shape& shape);
Tensor transpose(const Tensor& x, index_t a, index_t b);
Tensor permute(const Tensor& x, const Dims& axes);
Tensor expand(const Tensor& x, const Shape& shape);
Tensor squeeze(const Tensor& x, std::optional<index_t> axis);
Tensor unsqueeze(const Tensor& x, index_t axis);
Tensor flip(const Tensor& x, const Dims& axes);
Tensor concat(const std::vector<Tensor>& xs, index_t axis);
Tensor stack(const std::vector<Tensor>& xs, index_t axis);
std::vector<Tensor> split(const Tensor& x, const std::vector<index_t>& sizes, index_t axis);
Tensor pad(const Tensor& x, const std::vector<ops::PadWidth>& widths, double value);

// index.cpp
Tensor index(const Tensor& x, const ops::IndexKey& key);
Tensor gather(const Tensor& x, index_t axis, const Tensor& at);
Tensor scatter_add(const Tensor& x, index_t axis, const Tensor& at, const Tensor& source);
Tensor embedding(const Tensor& weight, const Tensor& indices);

// nn.cpp
Tensor softmax(const Tensor& x, index_t axis);
Tensor log_softmax(const Tensor& x, index_t axis);
Tensor dropout(const Tensor& x, double p, Generator& generator);
Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double eps);
Tensor rms_norm(const Tensor& x, const Tensor& gamma, double eps);
// running_mean and running_var are updated in place when training; they may be undefined.
Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                  const Array& running_mean, const Array& running_var, bool training,
                  double momentum, double eps, bool relu = false);
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const Tensor& mask, bool causal, std::optional<double> scale);

// loss.cpp: mean over all elements (rows, for cross_entropy)
Tensor mse_loss(const Tensor& prediction, const Tensor& target);
Tensor cross_entropy(const Tensor& logits, const Tensor& targets, double label_smoothing);
Tensor binary_cross_entropy(const Tensor& p, const Tensor& target, double eps);
Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& target);
Tensor kl_div(const Tensor& log_q, const Tensor& p);

// conv.cpp
struct Pair {
  index_t h, w;
};
struct ConvOptions {
  Pair stride{1, 1}, padding{0, 0}, dilation{1, 1};
  index_t groups = 1;
};
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const ConvOptions& options);
Tensor max_pool2d(const Tensor& x, Pair kernel, Pair stride, Pair padding);
Tensor avg_pool2d(const Tensor& x, Pair kernel, Pair stride, Pair padding);
Tensor adaptive_avg_pool2d(const Tensor& x, Pair output);
Tensor adaptive_max_pool2d(const Tensor& x, Pair output);

}  // namespace tt::autograd
