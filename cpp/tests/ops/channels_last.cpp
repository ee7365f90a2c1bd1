// Operators on images whose channels are innermost keep that layout.
#include "tinytorch/array/channels_last.hpp"

#include "support/catch.hpp"
#include "tinytorch/ops/conv.hpp"
#include "tinytorch/ops/elementwise.hpp"
#include "tinytorch/ops/norm.hpp"
#include "tinytorch/ops/reduce.hpp"

using namespace tt;

namespace {

Array images(const Shape& shape) {
  Array x = empty_channels_last(shape);
  x.fill(0.5);
  return x;
}

kernels::Window2d halving() {
  kernels::Window2d two;
  two.kernel_h = two.kernel_w = two.stride_h = two.stride_w = 2;
  return two;
}

}  // namespace

TEST_CASE("channels last is a dense layout of its own") {
  const Array x = images({2, 3, 4, 5});
  CHECK(is_channels_last(x));
  CHECK(x.strides() == Strides{60, 1, 15, 3});
  CHECK_FALSE(is_channels_last(x.contiguous()));
  CHECK_FALSE(is_channels_last(x.slice(2, 0, 2)));
  CHECK_FALSE(is_channels_last(x.transpose(2, 3)));
  CHECK_FALSE(is_channels_last(images({2, 1, 4, 5})));  // row-major as well
  CHECK_FALSE(is_channels_last(Array::zeros({3, 4})));
  CHECK(to_channels_last(x).raw() == x.raw());
  CHECK(is_channels_last(to_channels_last(x.contiguous())));
}

TEST_CASE("operators keep channels innermost") {
  const Array x = images({2, 16, 6, 8}), row = Array::full({16, 1, 1}, 2.0);
  const Array vector = Array::full({16}, 1.0);
  const kernels::Window2d window = ops::pool_window(x, halving());
  const ops::MaxPooled pooled = ops::max_pool2d(x, window);
  kernels::Window2d same;
  same.pad_h = same.pad_w = 1;
  const Array weight = Array::full({32, 16, 3, 3}, 0.1);
  const ops::ConvShape shape = ops::conv_shape(x, weight, Array(), same, 1);
  const Array y = ops::conv2d(x, weight, Array(), shape);
  const Array taps = Array::full({16, 1, 3, 3}, 0.1);
  const ops::ConvShape each = ops::conv_shape(x, taps, Array(), same, 16);
  const auto grads = ops::batch_norm_grad(x, x, vector, vector, vector, vector, true, true);
  for (const Array& made :
       {ops::unary(ops::Unary::tanh, x), ops::unary_grad(ops::Unary::relu, x.contiguous(), x),
        ops::add(x, x.contiguous()), ops::mul(row, x), ops::mul(x, 2.0), pooled.y, pooled.argmax,
        ops::avg_pool2d(x, window), ops::max_pool2d_grad(pooled.y, pooled.argmax, x.shape()), y,
        ops::conv2d_grad_input(y, weight, shape), ops::conv2d(x, taps, Array(), each),
        ops::conv2d_grad_input(x, taps, each), grads.dx,
        ops::batch_norm(x, vector, vector, vector, vector)}) {
    CHECK(is_channels_last(made));
  }
  CHECK(ops::mean(x, Dims{2, 3}).is_contiguous());
  const Array total = x.copy();
  const Array target = to_channels_last(total);
  ops::add_in_place(target, x);
  CHECK(is_channels_last(target));
  CHECK(target.contiguous().data<float>()[7] == 1.0f);
}

TEST_CASE("images of 2 x 2 halve to one pixel, forward and back") {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    Array x = empty_channels_last({3, 40, 2, 2}, dtype);
    x.fill(1.0);
    const auto pooled = ops::max_pool2d(x, ops::pool_window(x, halving()));
    const Array dx =
        ops::cast(ops::max_pool2d_grad(pooled.y, pooled.argmax, x.shape()), DType::f32);
    const Array pixels = pixels_of(dx).contiguous();
    for (index_t image = 0; image < 3; ++image) {
      for (index_t i = 0; i < 160; ++i) {
        CHECK(pixels.data<float>()[image * 160 + i] == (i < 40 ? 1.0f : 0.0f));
      }
    }
  }
}
