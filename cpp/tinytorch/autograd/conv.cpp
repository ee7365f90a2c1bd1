// Gradients of convolution and pooling.
#include "tinytorch/ops/conv.hpp"

#include "tinytorch/autograd/functions.hpp"

namespace tt::autograd {
namespace {

kernels::Window2d window_of(Pair kernel, Pair stride, Pair padding) {
  kernels::Window2d w;
  w.kernel_h = kernel.h, w.kernel_w = kernel.w;
  w.stride_h = stride.h, w.stride_w = stride.w;
  w.pad_h = padding.h, w.pad_w = padding.w;
  return w;
}

Tensor max_pooled(const Tensor& x, const ops::MaxPooled& pooled, const char* name) {
  const Tensor out(pooled.y);
  if (!tracked(x)) return out;
  return with_half_gradients(attach(
      out, name, {&x}, [argmax = pooled.argmax, shape = x.shape()](const Array& dy, Grads& g) {
        g.set(0, ops::max_pool2d_grad(dy, argmax, shape));
      }));
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const ConvOptions& options) {
  kernels::Window2d window = window_of({1, 1}, options.stride, options.padding);
  window.dilation_h = options.dilation.h, window.dilation_w = options.dilation.w;
  const Array b = bias.defined() ? bias.array() : Array();
  ops::ConvShape shape = ops::conv_shape(x.array(), weight.array(), b, window, options.groups);
  shape.products = autocast_products();
  const Tensor out(ops::conv2d(x.array(), weight.array(), b, shape));
  if (!tracked(x, weight, bias)) return out;
  return with_half_gradients(
      attach(out, "Conv2dBackward", {&x, &weight, &bias},
             [shape, sx = Saved(x.array()), sw = Saved(weight.array())](const Array& dy, Grads& g) {
               if (g.want(0)) g.set(0, ops::conv2d_grad_input(dy, sw.get(), shape));
               if (g.want(1)) g.set(1, ops::conv2d_grad_weight(dy, sx.get(), shape));
               if (g.want(2)) g.set(2, ops::channel_sums(dy));
             }));
}

Tensor max_pool2d(const Tensor& x, Pair kernel, Pair stride, Pair padding) {
  const auto window = ops::pool_window(x.array(), window_of(kernel, stride, padding));
  return max_pooled(x, ops::max_pool2d(x.array(), window), "MaxPool2dBackward");
}

Tensor adaptive_max_pool2d(const Tensor& x, Pair output) {
  return max_pooled(x, ops::adaptive_max_pool2d(x.array(), output.h, output.w),
                    "AdaptiveMaxPool2dBackward");
}

Tensor avg_pool2d(const Tensor& x, Pair kernel, Pair stride, Pair padding) {
  const auto window = ops::pool_window(x.array(), window_of(kernel, stride, padding));
  const Tensor out(ops::avg_pool2d(x.array(), window));
  if (!tracked(x)) return out;
  return with_half_gradients(attach(out, "AvgPool2dBackward", {&x},
                                    [window, shape = x.shape()](const Array& dy, Grads& g) {
                                      g.set(0, ops::avg_pool2d_grad(dy, shape, window));
                                    }));
}

Tensor adaptive_avg_pool2d(const Tensor& x, Pair output) {
  const Tensor out(ops::adaptive_avg_pool2d(x.array(), output.h, output.w));
  if (!tracked(x)) return out;
  return attach(out, "AdaptiveAvgPool2dBackward", {&x},
                [shape = x.shape()](const Array& dy, Grads& g) {
                  g.set(0, ops::adaptive_avg_pool2d_grad(dy, shape));
                });
}

}  // namespace tt::autograd
