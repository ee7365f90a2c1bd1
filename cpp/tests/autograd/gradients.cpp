// Derivative rules in float64 against central differences. The complete table of operators is
// checked from Python (tests/conformance); these run under the sanitizers.
#include <cmath>
#include <functional>

#include "ops/plain_loops.hpp"
#include "support/catch.hpp"
#include "tinytorch/autograd/engine.hpp"
#include "tinytorch/autograd/functions.hpp"

using namespace tt;
using namespace tt::autograd;
using tt::test::random;

namespace {

using Function = std::function<Tensor(const std::vector<Tensor>&)>;

double weighted(const Tensor& y) {
  const Array a = y.array().contiguous();
  double total = 0;
  for (index_t i = 0; i < a.size(); ++i)
    total += a.data<double>()[i] * std::cos(static_cast<double>(i));
  return total;
}

void check_gradients(const Function& f, const std::vector<Shape>& shapes, double low = -1e9) {
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    Array x = random(shapes[i], 11 + i, DType::f64);
    if (low > -1e9) x = ops::add(ops::unary(Unary::abs, x), low);
    inputs.emplace_back(x, true);
  }
  const Tensor y = f(inputs);
  const Array seed = Array::empty(y.shape(), DType::f64);
  for (index_t i = 0; i < seed.size(); ++i)
    seed.data<double>()[i] = std::cos(static_cast<double>(i));
  backward(y, seed);
  const NoGrad off;
  for (const Tensor& input : inputs) {
    double* x = input.array().data<double>();
    REQUIRE(input.grad().shape() == input.shape());
    const Array grad = input.grad().contiguous();
    for (index_t i = 0; i < input.array().size(); ++i) {
      const double before = x[i], h = 1e-6 * std::max(1.0, std::abs(before));
      x[i] = before + h;
      const double high = weighted(f(inputs));
      x[i] = before - h;
      const double below = weighted(f(inputs));
      x[i] = before;
      CHECK(grad.data<double>()[i] == Approx((high - below) / (2 * h)).epsilon(1e-5).margin(1e-6));
    }
  }
}

}  // namespace

TEST_CASE("derivatives of elementwise functions") {
  for (Unary f :
       {Unary::tanh, Unary::exp, Unary::gelu, Unary::gelu_tanh, Unary::gelu_sigmoid, Unary::silu,
        Unary::softplus, Unary::sigmoid, Unary::sin, Unary::cos, Unary::erf, Unary::relu}) {
    check_gradients([f](const auto& x) { return unary(f, x[0]); }, {{2, 3}});
  }
  for (Unary f : {Unary::log, Unary::sqrt, Unary::rsqrt, Unary::reciprocal}) {
    check_gradients([f](const auto& x) { return unary(f, x[0]); }, {{5}}, 0.5);
  }
  for (Binary f :
       {Binary::add, Binary::sub, Binary::mul, Binary::div, Binary::maximum, Binary::pow}) {
    check_gradients([f](const auto& x) { return binary(f, x[0], x[1]); }, {{2, 3}, {2, 1}}, 0.5);
  }
}

TEST_CASE("derivatives of reductions") {
  const ops::Axes axes = Dims{0, -1};
  check_gradients([&](const auto& x) { return mean(x[0], axes, false); }, {{2, 3, 2}});
  check_gradients([&](const auto& x) { return var(x[0], axes, 1.0, true); }, {{2, 3, 2}});
  check_gradients([&](const auto& x) { return autograd::std(x[0], axes, 0.0, false); },
                  {{2, 3, 2}});
  check_gradients([&](const auto& x) { return prod(x[0], axes, false); }, {{2, 3, 2}});
  check_gradients([&](const auto& x) { return logsumexp(x[0], axes, false); }, {{2, 3, 2}});
  check_gradients([&](const auto& x) { return max(x[0], axes, false); }, {{2, 3, 2}});
  check_gradients([&](const auto& x) { return cumsum(x[0], 1); }, {{2, 4}});
}

TEST_CASE("derivatives of products") {
  check_gradients([](const auto& x) { return matmul(x[0], x[1]); }, {{2, 1, 2, 3}, {3, 3, 2}});
  check_gradients([](const auto& x) { return linear(x[0], x[1], x[2]); }, {{2, 2, 3}, {3, 4}, {4}});
  check_gradients([](const auto& x) { return einsum("bij,kj->ikb", x[0], x[1]); },
                  {{2, 3, 2}, {4, 2}});
  // Weights that lie transposed, and one that is a product's weight and a table, in either order.
  check_gradients([](const auto& x) { return matmul(x[0], transpose(x[1], 0, 1)); },
                  {{2, 2, 3}, {4, 3}});
  const Tensor at(Array::from<std::int64_t>({2, 0, 2}, {3}));
  check_gradients([&](const auto& x) { return einsum("td,vd->tv", embedding(x[0], at), x[0]); },
                  {{3, 2}});
  check_gradients(
      [&](const auto& x) {
        return add(embedding(transpose(matmul(x[0], x[0]), 0, 1), at), embedding(x[0], at));
      },
      {{3, 3}});
}

TEST_CASE("derivatives of operators that move values") {
  check_gradients([](const auto& x) { return permute(x[0], {2, 0, 1}); }, {{2, 3, 2}});
  check_gradients([](const auto& x) { return concat({x[0], x[1]}, 1); }, {{2, 3}, {2, 1}});
  check_gradients([](const auto& x) { return pad(x[0], {{1, -1}, {0, 2}}, 3.0); }, {{3, 2}});
  check_gradients([](const auto& x) { return flip(x[0], {0, 1}); }, {{3, 2}});
  const Tensor at(Array::from<std::int64_t>({2, 0, 2}, {3, 1}));
  check_gradients([&](const auto& x) { return gather(x[0], 1, at); }, {{3, 3}});
  check_gradients([&](const auto& x) { return scatter_add(x[0], 1, at, x[1]); }, {{3, 3}, {3, 2}});
  check_gradients([&](const auto& x) { return embedding(x[0], at); }, {{3, 2}});
}

TEST_CASE("derivatives of network parts") {
  check_gradients([](const auto& x) { return softmax(x[0], 0); }, {{3, 2}});
  check_gradients([](const auto& x) { return log_softmax(x[0], -1); }, {{3, 2}});
  check_gradients([](const auto& x) { return layer_norm(x[0], x[1], x[2], 1e-5); },
                  {{2, 4}, {4}, {4}});
  check_gradients([](const auto& x) { return rms_norm(x[0], x[1], 1e-5); }, {{2, 4}, {4}});
  check_gradients(
      [](const auto& x) { return batch_norm(x[0], x[1], x[2], Array(), Array(), true, 0.1, 1e-5); },
      {{3, 2, 2}, {2}, {2}});
  check_gradients(
      [](const auto& x) {
        return scaled_dot_product_attention(x[0], x[1], x[2], Tensor(), true, std::nullopt);
      },
      {{2, 3, 2}, {2, 3, 2}, {2, 3, 2}});
  const ConvOptions options{{2, 1}, {1, 0}, {1, 2}, 2};
  check_gradients([&](const auto& x) { return conv2d(x[0], x[1], x[2], options); },
                  {{2, 2, 4, 4}, {4, 1, 2, 2}, {4}});
  check_gradients(
      [](const auto& x) {
        return avg_pool2d(x[0], {2, 2}, {1, 2}, {1, 0});
      },
      {{1, 2, 3, 4}});
  check_gradients(
      [](const auto& x) {
        return max_pool2d(x[0], {2, 2}, {1, 2}, {0, 0});
      },
      {{1, 2, 3, 4}});
}

TEST_CASE("derivatives of losses, with operands that broadcast") {
  check_gradients([](const auto& x) { return mse_loss(x[0], x[1]); }, {{2, 3}, {3}});
  check_gradients([](const auto& x) { return binary_cross_entropy_with_logits(x[0], x[1]); },
                  {{3}, {2, 3}});
  const Tensor p(Array::full({2, 3}, 0.3, DType::f64));
  check_gradients([&](const auto& x) { return kl_div(x[0], p); }, {{3}});
  check_gradients(
      [&](const auto& x) { return kl_div(x[0], Tensor(Array::full({3}, 0.3, DType::f64))); },
      {{3, 1}});
  const Tensor labels(Array::from<std::int64_t>({1, 0}, {2}));
  check_gradients([&](const auto& x) { return cross_entropy(x[0], labels, 0.1); }, {{2, 3}});
}
