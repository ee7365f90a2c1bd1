// The last rungs: the engine's own kernels on the ladders' problems. Its weights are packed before,
// as layers and sessions do.
#include <memory>

#include "cases.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/attention/cached.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/gemm_bf16/packed_bf16.hpp"
#include "tinytorch/kernels/gemm_f32/gemm.hpp"
#include "tinytorch/kernels/gemm_s8/packed_s8.hpp"
#include "tinytorch/ops/conv.hpp"
#include "tinytorch/runtime/cnn/session.hpp"

namespace tt::ladder {
namespace {

// A network of one convolution, its result averaged over the image: what a session takes. The relu
// does nothing to an image without negative values, but puts the convolution inside the network,
// where images have their channels innermost.
std::function<void()> session(const ConvOperands& o, runtime::Precision precision,
                              const Array& result) {
  using runtime::CnnNode;
  CnnNode relu, conv, pool;
  relu.name = "relu";
  conv.kind = CnnNode::Kind::conv, conv.name = "conv";
  conv.weight = o.weights, conv.padding = 1;
  pool.kind = CnnNode::Kind::average_pool, pool.name = "pool";
  runtime::Value input;
  input.channels = o.image.shape(1), input.height = o.image.shape(2);
  input.width = o.image.shape(3);
  runtime::CnnOptions options;
  options.precision = precision;
  if (precision == runtime::Precision::int8) options.calibration = o.image;
  const auto made =
      std::make_shared<runtime::CnnSession>(std::vector<CnnNode>{relu, conv, pool}, input, options);
  return [made, o, result] { result.copy_from(made->run(o.image)); };
}

}  // namespace

std::vector<Step> engine_gemm(const Array& a, const Array& b) {
  const index_t n = a.shape(0);
  const Array plain = Array::zeros({n, n}), half = Array::zeros({n, n});
  const auto multiply = [=] {
    kernels::Gemm g;
    g.m = g.n = g.k = n;
    g.a = a.data<float>(), g.a_row = n;
    g.b = b.data<float>(), g.b_row = n;
    g.c = plain.data<float>(), g.c_row = n;
    kernels::gemm(g);
  };
  const auto low = [=, packed = kernels::pack_bf16(b.data<float>(), n, 1, n, n)] {
    kernels::gemm_bf16(a.data<float>(), n, n, packed, {half.data<float>(), n});
  };
  return {{"the engine", "f32", true, multiply, plain, 1e-5},
          {"the engine, bfloat16", "bf16", true, low, half, 2e-2}};
}

std::vector<Step> engine_convolution(const ConvOperands& o) {
  const Array plain = Array::zeros(o.image.shape());
  const auto direct = [=] {
    kernels::Window2d window;
    window.pad_h = window.pad_w = 1;
    plain.copy_from(ops::conv2d(o.image, o.weights, {},
                                ops::conv_shape(o.image, o.weights, Array(), window, 1)));
  };
  const Array fewer = Array::zeros({1, o.weights.shape(0)});
  const Array low = Array::zeros(fewer.shape());
  return {{"the engine, one operator", "f32", true, direct, plain, 1e-5},
          {"the engine, a session", "f32", true, session(o, runtime::Precision::f32, fewer), fewer,
           1e-4},
          {"the engine, int8 session", "int8", true, session(o, runtime::Precision::int8, low), low,
           5e-2}};
}

std::vector<Step> engine_int8(const Array& a, const Array& b) {
  const index_t n = a.shape(0);
  const Array result = Array::zeros({n, n}, DType::i32);
  const auto multiply = [=, packed = kernels::pack_s8(b.data<std::int8_t>(), n, n)] {
    kernels::gemm_s8(a.data<std::int8_t>(), n, n, packed, result.data<std::int32_t>(), n);
  };
  return {{"the engine", "int8", true, multiply, result, 0.0}};
}

std::vector<Step> engine_attention(const AttentionProblem& p, const Array& q, const Array& k,
                                   const Array& v) {
  const kernels::Table& table = kernels::active();
  const Array result = Array::zeros(q.shape());
  const index_t part = kernels::cache_block(table.gemm_f32) * p.size;
  const Shape room{kernels::cache_blocks(table.gemm_f32, p.n), p.heads, part};
  const Array keys = Array::zeros(room), values = Array::zeros(room);
  const index_t together = kernels::positions_together(table.gemm_f32);
  const index_t blocks = (p.n + together - 1) / together;
  const auto cache = [=](index_t head) {
    const auto at = [=](const Array& a) { return a.raw() + head * part * 4; };
    return kernels::CachedHeads{1,        p.size,     kernels::CacheFormat::f32,
                                at(keys), at(values), p.heads * part};
  };
  const auto attend = [=, &table] {
    parallel_for(p.heads, 1, [&](index_t first, index_t last) {
      for (index_t i = first * p.n; i < last * p.n; ++i) {
        kernels::store_position(table, cache(i / p.n), i % p.n, k.data<float>() + i * p.size,
                                v.data<float>() + i * p.size);
      }
    });
    parallel_for(p.heads * blocks, 1, [&](index_t first, index_t last) {
      const Array scratch = Array::empty({kernels::scratch_floats(table.gemm_f32, p.n, p.size)});
      for (index_t i = first; i < last; ++i) {
        const index_t head = i / blocks, start = head * p.n * p.size;
        const kernels::NewPositions rows{
            p.n, 0, q.data<float>() + start, p.size, result.data<float>() + start, p.size};
        kernels::attend_block(table, cache(head), rows, i % blocks * together,
                              scratch.data<float>());
      }
    });
  };
  return {{"the engine", "f32", true, attend, result, 1e-5}};
}

}  // namespace tt::ladder
