// Steps of inference sessions, and attention to a cache.
#include <cmath>
#include <memory>

#include "cases.hpp"
#include "tinytorch/kernels/attention/cached.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/runtime/cnn/session.hpp"

namespace tt::bench {
namespace {

using runtime::CnnNode;
using runtime::Precision;

// A convolution of images of 24 x 24 inside a network; what is around it is small beside it.
struct Convolution {
  index_t in, out, kernel, stride;
  Precision precision = Precision::f32;
};

std::function<void()> convolution(const Convolution& c) {
  constexpr index_t kSide = 24;
  CnnNode relu, conv, pool, flat;
  relu.name = "relu";
  conv.kind = CnnNode::Kind::conv, conv.name = "conv";
  conv.weight = normal({c.out, c.in, c.kernel, c.kernel}, 3, 0.1f);
  conv.bias = normal({c.out}, 4);
  conv.stride = c.stride, conv.padding = c.kernel / 2;
  pool.kind = CnnNode::Kind::average_pool, pool.name = "pool";
  flat.kind = CnnNode::Kind::flatten, flat.name = "flatten";
  const Array images = normal({1, c.in, kSide, kSide}, 5);
  runtime::Value input;
  input.channels = c.in, input.height = input.width = kSide;
  runtime::CnnOptions options;
  options.precision = c.precision;
  if (c.precision == Precision::int8) options.calibration = images;
  const auto session = std::make_shared<runtime::CnnSession>(
      std::vector<CnnNode>{relu, conv, pool, flat}, input, options);
  return [session, images] { session->run(images); };
}

// `rows` new positions after `before` others, one head of 64.
std::function<void()> attention(index_t rows, index_t before) {
  constexpr index_t kSize = 64;
  const kernels::Table& table = kernels::active();
  const index_t n = rows + before;
  const Array q = normal({rows, kSize}, 6, 0.125f), k = normal({n, kSize}, 7);
  const Array v = normal({n, kSize}, 8), out = Array::zeros({rows, kSize});
  const index_t block = kernels::cache_block(table.gemm_f32) * kSize;
  const Shape room{kernels::cache_blocks(table.gemm_f32, n), block};
  const Array keys = Array::zeros(room), values = Array::zeros(room);
  const Array scratch = Array::zeros({kernels::scratch_floats(table.gemm_f32, n, kSize)});
  const auto head = [=] {
    return kernels::CachedHeads{1,          kSize,        kernels::CacheFormat::f32,
                                keys.raw(), values.raw(), block};
  };
  for (index_t i = 0; i < n; ++i) {
    kernels::store_position(table, head(), i, k.data<float>() + i * kSize,
                            v.data<float>() + i * kSize);
  }
  return [=, &table] {
    const kernels::NewPositions p{rows, before, q.data<float>(), kSize, out.data<float>(), kSize};
    for (index_t i = 0; i < rows; i += kernels::positions_together(table.gemm_f32)) {
      kernels::attend_block(table, head(), p, i, scratch.data<float>());
    }
  };
}

}  // namespace

Cases networks() {
  return {
      {"conv_direct",
       [] {
         return convolution({16, 32, 3, 2});
       }},
      {"conv_pointwise",
       [] {
         return convolution({64, 64, 1, 1});
       }},
      {"conv_winograd",
       [] {
         return convolution({64, 64, 3, 1});
       }},
      {"conv_int8",
       [] {
         return convolution({64, 64, 3, 1, Precision::int8});
       }},
      {"attention_row", [] { return attention(1, 511); }},
      {"attention_rows", [] { return attention(64, 64); }},
  };
}

}  // namespace tt::bench
