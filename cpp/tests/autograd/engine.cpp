// The gradient engine on C++ tensors: accumulation, shared graphs, long chains, hooks, modes,
// in-place changes, freeing, and many threads on shared parameters.
#include "tinytorch/autograd/engine.hpp"

#include <memory>
#include <thread>
#include <vector>

#include "ops/plain_loops.hpp"
#include "support/catch.hpp"
#include "tinytorch/array/allocator.hpp"
#include "tinytorch/autograd/functions.hpp"

using namespace tt;
using namespace tt::autograd;

namespace {

Tensor leaf(std::vector<float> values) {
  const auto n = static_cast<index_t>(values.size());
  return Tensor(Array::from<float>(values, {n}), true);
}
Tensor number(double value) { return Tensor(Array::scalar(value)); }
float grad_at(const Tensor& t, index_t i) { return t.grad().contiguous().data<float>()[i]; }

}  // namespace

TEST_CASE("gradients add up over uses, calls and graphs") {
  const Tensor x = leaf({1, 2, 3});
  const Tensor y = sum(mul(x, x));
  backward(y);
  CHECK(grad_at(x, 2) == 6);
  backward(y);
  CHECK(grad_at(x, 2) == 12);
  backward(sum(mul(x, number(5))));
  CHECK(grad_at(x, 0) == 9);
  x.zero_grad();
  CHECK_FALSE(x.grad().defined());
  CHECK(y.grad().item() == 2);
}

TEST_CASE("a root needs one element, or a gradient that fits") {
  const Tensor x = leaf({1, 2, 3});
  const Tensor y = mul(x, number(2));
  CHECK_THROWS_WITH(backward(y), Catch::Contains("non-scalar"));
  backward(y, Array::scalar(2.0));
  CHECK(grad_at(x, 1) == 4);
  backward(y, Array::from<float>({1, 0, 0}, {1, 3}));
  CHECK(grad_at(x, 0) == 6);
  CHECK_THROWS_AS(backward(y, Array::zeros({2})), ShapeError);
  backward(Tensor(Array::zeros({3})));  // not recorded: nothing to do
}

TEST_CASE("broadcasting is undone for every operand") {
  const Tensor a(Array::full({2, 3}, 1.0), true), b(Array::full({3}, 2.0), true);
  const Tensor c(Array::full({2, 1}, 3.0), true), d(Array::scalar(4.0), true);
  backward(sum(mul(add(a, b), mul(c, d))));
  CHECK(a.grad().shape() == Shape{2, 3});
  CHECK(grad_at(b, 0) == 24);
  CHECK(grad_at(c, 1) == 36);
  CHECK(d.grad().item() == 54);
}

TEST_CASE("chains may have any length, and shared graphs any number of paths") {
  const Tensor x = leaf({1});
  Tensor y = x;
  for (int i = 0; i < 100000; ++i) y = add(y, number(1));
  backward(y);
  CHECK(grad_at(x, 0) == 1);
  y = x;
  for (int i = 0; i < 60; ++i) y = add(y, y);
  x.zero_grad();
  backward(y);
  CHECK(grad_at(x, 0) == 0x1p60f);
}

TEST_CASE("results that nobody holds are freed, their graph is not") {
  const std::int64_t start = memory_stats().live_bytes;
  {
    const Tensor x(Array::full({1000}, 1.0), true);
    Tensor y = x;
    for (int i = 0; i < 10; ++i) y = add(y, x);
    CHECK(memory_stats().live_bytes - start <= 2 * 4000);
    backward(sum(y));
    CHECK(grad_at(x, 0) == 11);
  }
  CHECK(memory_stats().live_bytes == start);
}

TEST_CASE("a freed graph lets its memory go and says so when used again") {
  const std::int64_t start = memory_stats().live_bytes;
  const Tensor x(Array::full({1000}, 1.0), true);
  Tensor y = x;
  for (int i = 0; i < 10; ++i) y = unary(Unary::exp, mul(y, number(0.01)));
  const Tensor total = sum(y);
  y = Tensor();
  CHECK(memory_stats().live_bytes >= start + 11 * 4000);  // x and the results that exp keeps
  backward(total, Array(), {true});
  CHECK(memory_stats().live_bytes < start + 3 * 4000);  // x, its gradient and two numbers
  CHECK_THROWS_WITH(backward(total), Catch::Contains("second time"));
}

TEST_CASE("recording can be switched off") {
  const Tensor x = leaf({1});
  {
    const NoGrad off;
    CHECK_FALSE(mul(x, x).requires_grad());
    { const NoGrad again; }
    CHECK_FALSE(grad_enabled());
  }
  CHECK(grad_enabled());
  CHECK(mul(x, x).requires_grad());
  std::thread([] { CHECK(grad_enabled()); }).join();
  CHECK_THROWS_AS(Tensor(Array::zeros({1}, DType::i64), true), DTypeError);
}

TEST_CASE("changes of saved data are detected") {
  const Tensor x = leaf({1, 2});
  const Tensor h = mul(x, number(2));
  const Tensor y = sum(mul(h, h)), z = sum(add(h, h));
  ops::add_in_place(h.array(), Array::scalar(1.0));
  CHECK_THROWS_WITH(backward(y), Catch::Contains("changed in place"));
  backward(z);  // needs no values
  CHECK(grad_at(x, 0) == 4);
}

TEST_CASE("hooks see and replace gradients") {
  const Tensor x = leaf({1, 2});
  const Tensor h = mul(x, number(3));
  int calls = 0;
  h.meta()->add_hook(1, [&](const Array& g) {
    ++calls;
    return ops::mul(g, 10.0);
  });
  h.meta()->add_hook(2, [&](const Array& g) {
    CHECK(g.contiguous().data<float>()[0] == 10);
    return Array();
  });
  backward(sum(h));
  CHECK(grad_at(x, 0) == 30);
  h.meta()->remove_hook(1);
  h.meta()->remove_hook(2);
  backward(sum(h));
  CHECK(calls == 1);
  h.meta()->add_hook(3, [](const Array&) { return Array::zeros({5}); });
  CHECK_THROWS_AS(backward(sum(h)), ShapeError);
}

namespace {

// A node whose edges are made to order.
class Handmade final : public Node {
 public:
  explicit Handmade(const Tensor& input, Array answer = Array()) : answer_(std::move(answer)) {
    edges_.push_back(input.meta());
  }
  std::string name() const override { return "Handmade"; }
  void backward(const Array& dy, Grads& grads) override {
    grads.set(0, answer_.defined() ? answer_ : dy);
  }
  bool fixed_shape() const override { return false; }

 private:
  Array answer_;
};

Tensor made_by(std::shared_ptr<Node> node) {
  Tensor out(Array::full({2}, 1.0), true);
  out.meta()->grad_fn = std::move(node);
  return out;
}

}  // namespace

TEST_CASE("cycles are refused") {
  const Tensor x = leaf({1, 2});
  const Tensor a = made_by(std::make_shared<Handmade>(x));
  const Tensor b = made_by(std::make_shared<Handmade>(a));
  a.meta()->grad_fn = std::make_shared<Handmade>(b);
  CHECK_THROWS_WITH(backward(b, Array::full({2}, 1.0)), Catch::Contains("cycle"));
  a.meta()->grad_fn.reset();  // or the cycle would never be freed
}

TEST_CASE("gradients of the wrong shape are refused, not read past their end") {
  const Tensor x = leaf({1, 2});
  for (const Shape& wrong : {Shape{3}, Shape{2, 3}, Shape{}, Shape{0}}) {
    const Tensor y = made_by(std::make_shared<Handmade>(x, Array::full(wrong, 1.0)));
    CHECK_THROWS_AS(backward(y, Array::full({2}, 1.0)), ShapeError);
  }
  const Tensor summed = made_by(std::make_shared<Handmade>(x, Array::full({4, 2}, 1.0)));
  backward(summed, Array::full({2}, 1.0));
  CHECK(grad_at(x, 0) == 4);

  const Tensor moved = made_by(softmax(Tensor(Array::zeros({3, 4}), true), -1).meta()->grad_fn);
  CHECK_THROWS_WITH(backward(moved, Array::full({2}, 1.0)), Catch::Contains("_grad_fn"));
}

TEST_CASE("a stored gradient that does not fit is refused") {
  const Tensor x = leaf({1, 2});
  x.meta()->set_grad(Array::zeros({3, 2}));
  CHECK_THROWS_WITH(backward(sum(x)), Catch::Contains("zero_grad"));
}

TEST_CASE("half-precision parameters receive float32 gradients") {
  const Tensor x(Array::from<float>({1, 2}, {2}).astype(DType::bf16), true);
  backward(sum(unary(Unary::square, x)));
  CHECK(x.grad().dtype() == DType::f32);
  CHECK(grad_at(x, 1) == 4);
}

TEST_CASE("threads that share parameters lose no gradient") {
  const Tensor w(Array::full({64}, 1.0), true);
  constexpr int kThreads = 6, kRounds = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int r = 0; r < kRounds; ++r) backward(sum(mul(w, number(2))));
    });
  }
  // Others read, replace hooks and look on.
  threads.emplace_back([&] {
    for (int r = 0; r < 200; ++r) {
      const Array g = w.grad();
      if (g.defined() && !(g.shape() == Shape{64})) std::abort();
      w.meta()->add_hook(r, [](const Array&) { return Array(); });
      w.meta()->remove_hook(r);
    }
  });
  for (auto& t : threads) t.join();
  CHECK(grad_at(w, 63) == 2.0f * kThreads * kRounds);
}

TEST_CASE("snapshots keep the values, the graph and the gradient of their tensor") {
  Tensor x = leaf({1, 2});
  {
    const Tensor then = x.snapshot();
    x.set_array(Array::from<float>({5, 6}, {2}));
    CHECK(then.array().data<float>()[0] == 1);
    backward(sum(mul(then, then)));
  }
  CHECK(grad_at(x, 1) == 4);
  CHECK(x.meta()->observed);
}
