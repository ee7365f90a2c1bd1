// The engine alone, without Python, trains its models.
#include "support/catch.hpp"
#include "tinytorch/autograd/engine.hpp"
#include "tinytorch/autograd/functions.hpp"
#include "tinytorch/models/digits_cnn.hpp"
#include "tinytorch/models/simple_mlp.hpp"
#include "tinytorch/nn/optim.hpp"

using namespace tt;
using autograd::Tensor;

namespace {

// Three Gaussian clouds; returns the loss before and after some steps.
template <class Model, class Optimizer>
std::pair<double, double> fit(Model& model, Optimizer& optimizer, const Tensor& x, const Tensor& y,
                              int steps) {
  double first = 0.0, last = 0.0;
  for (int i = 0; i < steps; ++i) {
    optimizer.zero_grad();
    const Tensor loss = autograd::cross_entropy(model.forward(x), y, 0.0);
    autograd::backward(loss, Array(), {true});
    nn::clip_grad_norm(model.parameters(), 10.0);
    optimizer.step();
    last = loss.array().item();
    if (i == 0) first = last;
  }
  return {first, last};
}

Tensor labels(index_t count, index_t classes) {
  const Array y = Array::empty({count}, DType::i64);
  for (index_t i = 0; i < count; ++i) y.data<std::int64_t>()[i] = i % classes;
  return Tensor(y);
}

}  // namespace

TEST_CASE("SimpleMLP has 283 parameters in the order of the capstone") {
  Generator generator(1);
  const models::SimpleMLP model(generator);
  CHECK(model.count_parameters() == 283);
  std::vector<std::string> names;
  for (const auto& [name, tensor] : model.named_parameters()) names.push_back(name);
  CHECK(names == std::vector<std::string>{"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"});
}

TEST_CASE("SimpleMLP separates three clouds, with each optimizer") {
  const int which = GENERATE(0, 1, 2);
  Generator generator(7);
  models::SimpleMLP model(generator);
  const Array x = Array::empty({90, 10});
  generator.normal(x.data<float>(), x.size(), 0.0f, 0.5f);
  for (index_t i = 0; i < 90; ++i) x.data<float>()[i * 10 + i % 3] += 3.0f;
  const Tensor y = labels(90, 3);
  std::pair<double, double> losses;
  if (which == 0) {
    nn::Sgd optimizer(model.parameters(), {0.1f, 0.9f, 0.0f, true});
    losses = fit(model, optimizer, Tensor(x), y, 60);
  } else {
    nn::Adam optimizer(model.parameters(), {0.02, 0.9, 0.999, 1e-8, 0.01, which == 2});
    losses = fit(model, optimizer, Tensor(x), y, 60);
  }
  CHECK(losses.second < 0.1 * losses.first);
}

TEST_CASE("DigitsCNN learns which corner is bright") {
  Generator generator(3);
  models::DigitsCNN model(generator, 4, 4);
  const Array x = Array::zeros({32, 1, 8, 8});
  generator.normal(x.data<float>(), x.size(), 0.0f, 0.1f);
  for (index_t i = 0; i < 32; ++i) {
    const index_t row = (i % 4) / 2 * 6, column = i % 2 * 6;
    x.data<float>()[i * 64 + row * 8 + column] += 3.0f;
  }
  nn::Adam optimizer(model.parameters(), {0.02});
  const auto [first, last] = fit(model, optimizer, Tensor(x), labels(32, 4), 40);
  CHECK(last < 0.2 * first);
}

TEST_CASE("a state with a wrong name or shape changes nothing") {
  Generator generator(1);
  models::SimpleMLP model(generator), other(generator);
  nn::NamedTensors state = other.named_parameters();
  model.load_state_dict(state);
  CHECK(model.fc1.weight.array().data<float>()[5] == other.fc1.weight.array().data<float>()[5]);
  state[0].first = "fc9.weight";
  CHECK_THROWS_AS(model.load_state_dict(state), ValueError);
  state[0] = {"fc1.weight", Tensor(Array::zeros({2, 2}))};
  CHECK_THROWS_AS(model.load_state_dict(state), ShapeError);
}

TEST_CASE("the warm-up rises linearly and the cosine ends at the low rate") {
  CHECK(nn::warmup_cosine(0, 100, 10, 1.0, 0.1) == Approx(0.1));
  CHECK(nn::warmup_cosine(9, 100, 10, 1.0, 0.1) == Approx(1.0));
  CHECK(nn::warmup_cosine(55, 100, 10, 1.0, 0.1) == Approx(0.55));
  CHECK(nn::warmup_cosine(100, 100, 10, 1.0, 0.1) == Approx(0.1));
}
