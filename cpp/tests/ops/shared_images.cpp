// Convolution of batches on a changing number of threads: buffers are taken and given back safely,
// and every image comes out as it does alone.
#include <atomic>
#include <cmath>
#include <thread>

#include "ops/plain_loops.hpp"
#include "support/catch.hpp"
#include "tinytorch/array/channels_last.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/ops/conv.hpp"

using namespace tt;
using namespace tt::test;

TEST_CASE("batched convolution is the same for any number of threads, also while it changes") {
  const Array x = random({9, 4, 11, 7}, 1), w = random({6, 2, 3, 2}, 2), bias = random({6}, 3);
  kernels::Window2d window;
  window.stride_h = 2, window.pad_w = 1;
  const ops::ConvShape shape = ops::conv_shape(x, w, bias, window, 2);
  const int before = num_threads();
  set_num_threads(1);
  const Array want = ops::conv2d(x, w, bias, shape);
  const Array dw = ops::conv2d_grad_weight(want, x, shape),
              dx = ops::conv2d_grad_input(want, w, shape);
  const auto same = [](const Array& a, const Array& b) {
    return a.shape() == b.shape() &&
           std::equal(a.data<float>(), a.data<float>() + a.size(), b.data<float>());
  };

  std::atomic<bool> stop{false};
  std::thread changes([&] {
    for (int i = 0; !stop; ++i) set_num_threads(1 + i % 5);
  });
  int wrong = 0;
  for (int round = 0; round < 30; ++round) {
    wrong += !same(ops::conv2d(x, w, bias, shape), want);
    wrong += !same(ops::conv2d_grad_weight(want, x, shape), dw);
    wrong += !same(ops::conv2d_grad_input(want, w, shape), dx);
  }
  stop = true;
  changes.join();
  set_num_threads(before);
  CHECK(wrong == 0);
}

// So many tiles of so few channels that parts of the batch have sums of their own.
TEST_CASE("Winograd's gradient of the weights, in parts: right, for any number of threads") {
  for (const DType type : {DType::f32, DType::bf16}) {
    const auto pixels = [&](Shape shape, int seed) {
      return to_channels_last(random(shape, seed)).astype(type);
    };
    const Array x = pixels({48, 16, 30, 31}, 4), dy = pixels({48, 32, 30, 31}, 5);
    const Array w = random({32, 16, 3, 3}, 6);
    kernels::Window2d window;
    window.pad_h = window.pad_w = 1;
    ops::ConvShape shape = ops::conv_shape(x, w, Array(), window, 1);
    if (type == DType::bf16) shape.products = ops::Products::bf16;
    const Array want = ops::conv2d_grad_weight(dy.astype(DType::f64), x.astype(DType::f64), shape);
    const int before = num_threads();
    Array first;
    for (const int threads : {1, 2, 5}) {
      set_num_threads(threads);
      const Array dw = ops::conv2d_grad_weight(dy, x, shape).astype(DType::f32);
      if (!first.defined()) first = dw;
      for (index_t i = 0; i < dw.size(); ++i) {
        // Of 44,640 products of normal values each, so that 211 is usual. Rounded to bfloat16
        // between the transforms, they are off by 1 % of that.
        const double most = type == DType::bf16 ? 15.0 : 0.05;
        REQUIRE(std::fabs(dw.data<float>()[i] - want.data<double>()[i]) < most);
        REQUIRE(dw.data<float>()[i] == first.data<float>()[i]);
      }
    }
    set_num_threads(before);
  }
}
