// 3 x 3 convolution of bfloat16 images by Winograd's method, whose transformed values are rounded
// to bfloat16 where the processor multiplies those faster.
#include <cmath>

#include "ops/plain_loops.hpp"
#include "support/catch.hpp"
#include "tinytorch/array/channels_last.hpp"
#include "tinytorch/ops/conv.hpp"

using namespace tt;
using namespace tt::test;

namespace {

struct Case {
  Shape images;
  index_t out, pad, kernel = 3, stride = 1;
};

const Case kCases[] = {
    {{3, 16, 8, 8}, 16, 1},        {{5, 64, 9, 11}, 80, 1},       {{2, 48, 30, 30}, 64, 2},
    {{7, 32, 6, 10}, 96, 0},       {{1, 128, 4, 4}, 64, 1},       {{9, 80, 5, 4}, 16, 1},
    {{4, 32, 9, 10}, 48, 1, 3, 2}, {{3, 64, 7, 6}, 144, 0, 1, 2}, {{2, 16, 12, 9}, 32, 0, 1},
    {{3, 24, 11, 8}, 40, 2, 5},    {{3, 3, 10, 13}, 32, 1},       {{2, 5, 9, 9}, 16, 0, 2, 2}};

Array images(Shape shape, int seed) {
  return to_channels_last(random(shape, seed)).astype(DType::bf16);
}

// The error's root mean square, as a share of that of the right values.
double error_of(const Array& got, const Array& want) {
  REQUIRE(got.shape() == want.shape());
  const Array values = got.astype(DType::f64).contiguous(), right = want.contiguous();
  double error = 0.0, size = 0.0;
  for (index_t i = 0; i < right.size(); ++i) {
    const double w = right.data<double>()[i], off = values.data<double>()[i] - w;
    error += off * off, size += w * w;
  }
  return std::sqrt(error / size);
}

struct Convolution {
  Array x, w, b, dy;
  ops::ConvShape shape;

  explicit Convolution(const Case& c)
      : x(images(c.images, 1)),
        w(random({c.out, c.images[1], c.kernel, c.kernel}, 2)),
        b(random({c.out}, 3)) {
    kernels::Window2d window;
    window.pad_h = window.pad_w = c.pad;
    window.stride_h = window.stride_w = c.stride;
    shape = ops::conv_shape(x, w, b, window, 1);
    shape.products = ops::Products::bf16;
    dy = images({c.images[0], c.out, shape.window.out_height(), shape.window.out_width()}, 4);
  }
};

}  // namespace

TEST_CASE("convolution in bfloat16: results and gradients are off by some 1 % at most") {
  for (const Case& c : kCases) {
    const Convolution conv(c);
    const Array x = conv.x.astype(DType::f64), w = conv.w.astype(DType::f64);
    const Array dy = conv.dy.astype(DType::f64), b = conv.b.astype(DType::f64);
    ops::ConvShape exact = conv.shape;
    exact.products = ops::Products::full;
    CAPTURE(to_string(c.images), c.out, c.pad, c.kernel, c.stride);
    const Array y = ops::conv2d(conv.x, conv.w, conv.b, conv.shape);
    REQUIRE(y.dtype() == DType::bf16);
    REQUIRE(error_of(y, ops::conv2d(x, w, b, exact)) < 0.02);
    const Array dx = ops::conv2d_grad_input(conv.dy, conv.w, conv.shape);
    REQUIRE((dx.dtype() == DType::bf16 || c.images[1] < 16));  // planes' gradients are floats
    REQUIRE(error_of(dx, ops::conv2d_grad_input(dy, w, exact)) < 0.02);
    REQUIRE(error_of(ops::conv2d_grad_weight(conv.dy, conv.x, conv.shape),
                     ops::conv2d_grad_weight(dy, x, exact)) < 0.02);
  }
}

TEST_CASE("convolution in bfloat16: an image gives the same bits alone and among others") {
  for (const Case& c : kCases) {
    const Convolution conv(c);
    const Array all = ops::conv2d(conv.x, conv.w, conv.b, conv.shape).astype(DType::f32);
    for (index_t n = 0; n < c.images[0]; ++n) {
      const Array one = to_channels_last(conv.x.slice(0, n, 1));
      ops::ConvShape alone = conv.shape;
      alone.batch = 1;
      const Array y = ops::conv2d(one, conv.w, conv.b, alone).astype(DType::f32).contiguous();
      const Array want = all.slice(0, n, 1).contiguous();
      REQUIRE(std::equal(y.data<float>(), y.data<float>() + y.size(), want.data<float>()));
    }
  }
}
