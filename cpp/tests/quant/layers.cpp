// The int8 layers against plain loops, bit for bit, and against float32 within the quantization
// error.
#include <algorithm>
#include <cmath>

#include "quant/support.hpp"
#include "support/catch.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/quant/conv2d_int8.hpp"
#include "tinytorch/quant/linear_int8.hpp"
#include "tinytorch/quant/per_channel.hpp"
#include "tinytorch/quant/reference.hpp"

using namespace tt;
using namespace tt::quant;
using testing::random_array;
using testing::same_bits;

namespace {

struct Pair {
  index_t h, w;
};
kernels::Window2d window(Pair stride, Pair pad, Pair dilation) {
  kernels::Window2d g;
  g.stride_h = stride.h, g.stride_w = stride.w;
  g.pad_h = pad.h, g.pad_w = pad.w;
  g.dilation_h = dilation.h, g.dilation_w = dilation.w;
  return g;
}

}  // namespace

TEST_CASE("per-channel weights are symmetric and round-trip within half a step") {
  const Array w = random_array({5, 3, 4}, 1);
  w.select(0, 2).fill(0.0);
  const PerChannel p = quantize_per_channel(w);
  const Array back = dequantize_per_channel(p);
  for (index_t i = 0; i < w.size(); ++i) {
    const float scale = p.scales.data<float>()[i / 12];
    REQUIRE(std::fabs(back.data<float>()[i] - w.data<float>()[i]) <= 0.5001f * scale);
    REQUIRE(p.q.data<std::int8_t>()[i] >= -127);
  }
  CHECK(p.scales.data<float>()[2] == 1.0f);
  const auto* q = p.q.data<std::int8_t>();
  CHECK(std::max(std::abs(*std::max_element(q, q + 12)), std::abs(*std::min_element(q, q + 12))) ==
        127);
  CHECK_THROWS_AS(quantize_per_channel(Array::full({2, 2}, NAN)), ValueError);
}

TEST_CASE("LinearInt8 equals the plain loops") {
  for (const float input_scale : {0.0f, 0.03f}) {
    for (const bool with_bias : {true, false}) {
      const Array w = random_array({37, 50}, 2);
      const Array bias = with_bias ? random_array({37}, 3) : Array();
      const LinearInt8 layer = LinearInt8::from_float(w, bias, input_scale);
      const Array x = random_array({9, 50}, 4);
      const Array expected =
          reference::linear_int8(x, layer.weight(), layer.scales(), bias, input_scale);
      CHECK(same_bits(layer.forward(x), expected));
      CHECK(layer.stored_bytes() ==
            37u * 50 + 37 * 4 + (with_bias ? 37 * 4 : 0) + (input_scale > 0 ? 4 : 0));
      const LinearInt8 rebuilt(layer.weight(), layer.scales(), layer.bias(), layer.input_scale());
      CHECK(same_bits(rebuilt.forward(x), expected));
    }
  }
}

TEST_CASE("LinearInt8 keeps leading dimensions and takes any strides") {
  const LinearInt8 layer = LinearInt8::from_float(random_array({6, 8}, 5), Array());
  const Array x = random_array({3, 4, 8}, 6);
  const Array y = layer.forward(x);
  CHECK(y.shape() == Shape{3, 4, 6});
  CHECK(same_bits(layer.forward(x.select(0, 1)), y.select(0, 1)));
  CHECK(same_bits(layer.forward(x.select(0, 1).select(0, 2)), y.select(0, 1).select(0, 2)));
  CHECK(layer.forward(Array::empty({0, 8})).shape() == Shape{0, 6});
  const Array turned = x.transpose(0, 1);
  CHECK(same_bits(layer.forward(turned), layer.forward(turned.copy())));
  CHECK_THROWS_AS(layer.forward(random_array({2, 7}, 1)), ShapeError);
  CHECK_THROWS_AS(layer.forward(Array::scalar(1.0)), ShapeError);
}

TEST_CASE("LinearInt8 refuses malformed parts") {
  const Array q = Array::zeros({2, 3}, DType::i8), scales = Array::full({2}, 1.0);
  CHECK_NOTHROW(LinearInt8(q, scales, Array()));
  CHECK_THROWS_AS(LinearInt8(Array::zeros({2, 3}), scales, Array()), DTypeError);
  CHECK_THROWS_AS(LinearInt8(Array::full({2, 3}, -128, DType::i8), scales, Array()), ValueError);
  CHECK_THROWS_AS(LinearInt8(q, Array::full({3}, 1.0), Array()), ShapeError);
  CHECK_THROWS_AS(LinearInt8(q, Array::full({2}, -1.0), Array()), ValueError);
  CHECK_THROWS_AS(LinearInt8(q, scales, Array::zeros({3})), ShapeError);
  CHECK_THROWS_AS(LinearInt8(q, scales, Array(), -0.5f), ValueError);
  CHECK_THROWS_AS(LinearInt8(q, scales, Array(), NAN), ValueError);
  CHECK_THROWS_AS(LinearInt8::from_float(Array::zeros({3}), Array()), ShapeError);
}

TEST_CASE("Conv2dInt8 equals the plain loops") {
  struct Case {
    Shape x, w;
    kernels::Window2d g;
    index_t groups = 1;
  };
  const Case cases[] = {
      {{2, 3, 9, 7}, {5, 3, 3, 3}, {}},
      {{1, 1, 8, 8}, {4, 1, 3, 3}, window({1, 1}, {1, 1}, {1, 1})},
      {{3, 4, 12, 11}, {70, 4, 3, 3}, window({2, 1}, {1, 2}, {1, 1})},
      {{2, 4, 10, 10}, {6, 2, 3, 3}, window({1, 1}, {1, 1}, {1, 1}), 2},
      {{2, 6, 9, 9}, {6, 1, 3, 3}, window({1, 1}, {1, 1}, {1, 1}), 6},  // depthwise
      {{2, 3, 13, 11}, {4, 3, 3, 2}, window({2, 2}, {2, 1}, {2, 3})},
      {{1, 5, 6, 6}, {3, 5, 1, 1}, window({2, 2}, {0, 0}, {1, 1})},
      {{2, 64, 8, 8}, {64, 64, 3, 3}, window({1, 1}, {1, 1}, {1, 1})},
  };
  for (const Case& c : cases) {
    for (const float input_scale : {0.0f, 0.02f}) {
      const Array x = random_array(c.x, 7);
      const Array bias = random_array({c.w[0]}, 9);
      const Conv2dInt8 layer =
          Conv2dInt8::from_float(random_array(c.w, 8), bias, c.g, c.groups, input_scale);
      CAPTURE(to_string(c.x), to_string(c.w), input_scale);
      const Array expected = reference::conv2d_int8(x, layer.weight(), layer.scales(), bias, c.g,
                                                    c.groups, input_scale);
      CHECK(same_bits(layer.forward(x), expected));
      const Conv2dInt8 rebuilt(layer.weight(), layer.scales(), Array(), c.g, c.groups, input_scale);
      CHECK(same_bits(rebuilt.forward(x),
                      reference::conv2d_int8(x, layer.weight(), layer.scales(), Array(), c.g,
                                             c.groups, input_scale)));
      CHECK(layer.stored_bytes() == static_cast<std::size_t>(numel(c.w)) +
                                        static_cast<std::size_t>(c.w[0]) * 8 +
                                        (input_scale > 0 ? 4 : 0));
    }
  }
}

TEST_CASE("Conv2dInt8: any thread count, and an image alone as in a batch") {
  const auto g = window({1, 1}, {1, 1}, {1, 1});
  const Conv2dInt8 layer = Conv2dInt8::from_float(random_array({20, 3, 3, 3}, 1), Array(), g);
  const Array x = random_array({4, 3, 16, 16}, 2);
  const Array y = layer.forward(x);
  const int before = num_threads();
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    CHECK(same_bits(layer.forward(x), y));
  }
  set_num_threads(before);
  CHECK(same_bits(layer.forward(x.slice(0, 2, 1)), y.slice(0, 2, 1)));
}

TEST_CASE("Conv2dInt8: edges") {
  const Conv2dInt8 layer = Conv2dInt8::from_float(random_array({2, 3, 3, 3}, 1), Array(), {});
  CHECK(layer.forward(Array::zeros({0, 3, 5, 5})).shape() == Shape{0, 2, 3, 3});
  CHECK(layer.forward(Array::zeros({1, 3, 2, 5})).shape() == Shape{1, 2, 0, 3});
  CHECK(layer.forward(Array::zeros({1, 3, 1, 5})).shape() == Shape{1, 2, 0, 3});
  CHECK_THROWS_AS(layer.forward(Array::zeros({1, 4, 5, 5})), ShapeError);
  CHECK_THROWS_AS(layer.forward(Array::zeros({3, 5, 5})), ShapeError);
  const Array nan = random_array({2, 3, 5, 5}, 3);
  nan.data<float>()[0] = NAN;
  const Array y = layer.forward(nan);
  CHECK(std::isnan(y.data<float>()[0]));
  CHECK(std::isfinite(y.data<float>()[y.size() - 1]));  // the other image is untouched
  const Array w = Array::zeros({4, 3, 3, 3}, DType::i8), s = Array::full({4}, 1.0);
  CHECK_THROWS_AS(Conv2dInt8(w, s, Array(), {}, 3), ValueError);
  CHECK_THROWS_AS(Conv2dInt8(w, s, Array(), {}, 0), ValueError);
  const Conv2dInt8 still(w, s, Array(), window({0, 1}, {0, 0}, {1, 1}));
  CHECK_THROWS_AS(still.forward(Array::zeros({1, 3, 5, 5})), ValueError);
}
