// Networks for the tests of sessions, and the same networks operator by operator.
#pragma once
#include <cmath>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tinytorch/base/rng.hpp"
#include "tinytorch/ops/conv.hpp"
#include "tinytorch/ops/elementwise.hpp"
#include "tinytorch/ops/matmul.hpp"
#include "tinytorch/ops/norm.hpp"
#include "tinytorch/ops/reduce.hpp"
#include "tinytorch/runtime/cnn/session.hpp"

namespace tt::runtime::test {

using Kind = CnnNode::Kind;
using Nodes = std::vector<CnnNode>;

inline Array normal(const Shape& shape, std::uint64_t seed, float scale = 1.0f) {
  const Array a = Array::empty(shape);
  Generator generator(seed);
  generator.normal(a.data<float>(), a.size());
  for (index_t i = 0; i < a.size(); ++i) a.data<float>()[i] *= scale;
  return a;
}

struct ConvSizes {
  index_t in, out, kernel = 3, stride = 1, padding = 1, groups = 1, dilation = 1;
  bool bias = false;
};

inline CnnNode conv(const ConvSizes& c, std::uint64_t seed = 1) {
  CnnNode n;
  n.kind = Kind::conv;
  n.name = "conv" + std::to_string(seed);
  const float scale = std::sqrt(2.0f / static_cast<float>(c.in / c.groups * c.kernel * c.kernel));
  n.weight = normal({c.out, c.in / c.groups, c.kernel, c.kernel}, seed, scale);
  if (c.bias) n.bias = normal({c.out}, seed + 100);
  n.stride = c.stride, n.padding = c.padding, n.groups = c.groups, n.dilation = c.dilation;
  return n;
}
inline CnnNode norm(index_t channels, std::uint64_t seed = 2) {
  CnnNode n;
  n.kind = Kind::batch_norm;
  n.name = "norm";
  n.gamma = normal({channels}, seed), n.beta = normal({channels}, seed + 1, 0.1f);
  n.mean = normal({channels}, seed + 2, 0.1f), n.variance = Array::full({channels}, 0.7);
  return n;
}
inline CnnNode node(Kind kind, index_t size = 1) {
  CnnNode n;
  n.kind = kind;
  n.name = "node";
  n.size = size;
  return n;
}
inline CnnNode linear(index_t in, index_t out, std::uint64_t seed = 3) {
  CnnNode n = node(Kind::linear);
  n.weight = normal({out, in}, seed, 1.0f / std::sqrt(static_cast<float>(in)));
  n.bias = normal({out}, seed + 1);
  return n;
}
inline CnnNode project(Nodes branch) {
  CnnNode n = node(Kind::project);
  n.branch = std::move(branch);
  return n;
}

// The same by the operators of the engine.
inline Array eager(const Nodes& nodes, Array x) {
  std::vector<Array> kept;
  for (const CnnNode& n : nodes) {
    switch (n.kind) {
      case Kind::conv: {
        kernels::Window2d w;
        w.stride_h = w.stride_w = n.stride, w.pad_h = w.pad_w = n.padding;
        w.dilation_h = w.dilation_w = n.dilation;
        x = ops::conv2d(x, n.weight, n.bias, ops::conv_shape(x, n.weight, n.bias, w, n.groups));
        break;
      }
      case Kind::batch_norm: {
        const index_t c = n.gamma.size();
        const Array y = Array::empty(x.shape());
        const index_t area = x.shape(2) * x.shape(3);
        const Array plain = x.contiguous();
        for (index_t i = 0; i < y.size(); ++i) {
          const index_t k = i / area % c;
          const double scale =
              n.gamma.data<float>()[k] / std::sqrt(double(n.variance.data<float>()[k]) + 1e-5);
          y.data<float>()[i] = static_cast<float>(
              (plain.data<float>()[i] - n.mean.data<float>()[k]) * scale + n.beta.data<float>()[k]);
        }
        x = y;
        break;
      }
      case Kind::relu:
        x = ops::unary(ops::Unary::relu, x);
        break;
      case Kind::max_pool: {
        kernels::Window2d w;
        w.kernel_h = w.kernel_w = w.stride_h = w.stride_w = n.size;
        x = ops::max_pool2d(x, ops::pool_window(x, w)).y;
        break;
      }
      case Kind::average_pool:
        x = ops::mean(x, Dims{2, 3});
        break;
      case Kind::flatten:
        break;
      case Kind::linear:
        x = ops::linear(x.contiguous().reshape({x.shape(0), -1}), n.weight.transpose(0, 1), n.bias);
        break;
      case Kind::push:
        kept.push_back(x);
        break;
      case Kind::project:
        kept.back() = eager(n.branch, kept.back());
        break;
      case Kind::add:
        x = ops::binary(ops::Binary::add, x, kept.back());
        kept.pop_back();
        break;
    }
  }
  return x;
}

inline double largest(const Array& a) {
  double most = 0;
  for (index_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::fabs(static_cast<double>(a.data<float>()[i])));
  }
  return most;
}
// Largest difference relative to the largest value of b.
inline double difference(const Array& a, const Array& b) {
  const Array plain = b.contiguous();
  REQUIRE(a.shape() == plain.shape());
  double most = 0;
  for (index_t i = 0; i < a.size(); ++i) {
    const double d =
        static_cast<double>(a.data<float>()[i]) - static_cast<double>(plain.data<float>()[i]);
    most = std::max(most, std::isnan(d) ? 1e300 : std::fabs(d));
  }
  return most / std::max(largest(plain), 1e-30);
}

// A small network with all that is joined to convolutions, residuals with and without projection.
inline Nodes small_network(index_t width = 20) {
  return {conv({3, width}),
          norm(width),
          node(Kind::relu),
          node(Kind::push),
          conv({width, width}, 5),
          norm(width, 6),
          node(Kind::relu),
          conv({width, width}, 7),
          norm(width, 8),
          node(Kind::add),
          node(Kind::relu),
          node(Kind::push),
          conv({width, 2 * width, 3, 2}, 9),
          norm(2 * width, 10),
          node(Kind::relu),
          conv({2 * width, 2 * width}, 11),
          project({conv({width, 2 * width, 1, 2, 0}, 12), norm(2 * width, 13)}),
          node(Kind::add),
          node(Kind::relu),
          conv({2 * width, 24, 3, 1, 1, 1, 1, true}, 14),
          node(Kind::relu),
          node(Kind::max_pool, 2),
          node(Kind::average_pool),
          linear(24, 10)};
}

}  // namespace tt::runtime::test
