#include "tinytorch/runtime/mlp_session.hpp"

#include <algorithm>

#include "tinytorch/base/error.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/scratch.hpp"

namespace tt::runtime {
namespace {

constexpr index_t kBlockRows = 42;
constexpr index_t kChunkProducts = 1 << 18;  // worth a thread's attention
thread_local kernels::ScratchBuffer t_hidden;

}  // namespace

MlpSession::MlpSession(const std::vector<Array>& weights, const std::vector<Array>& biases) {
  if (weights.empty() || weights.size() != biases.size()) {
    fail<ValueError>("MlpSession: give a bias for each weight and at least one layer, got ",
                     weights.size(), " weights and ", biases.size(), " biases");
  }
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const Array& w = weights[i];
    if (w.ndim() != 2 || w.shape(0) < 1 || (i > 0 && w.shape(0) != layers_.back().weight.n)) {
      fail<ShapeError>("MlpSession: weight ", i, " must have shape (",
                       i > 0 ? std::to_string(layers_.back().weight.n) : "in >= 1", ", out), got ",
                       to_string(w.shape()));
    }
    if (!(biases[i].shape() == Shape{w.shape(1)})) {
      fail<ShapeError>("MlpSession: bias ", i, " must have shape (", w.shape(1), ",), got ",
                       to_string(biases[i].shape()));
    }
    const Array plain = w.astype(DType::f32).contiguous();
    const Array bias = biases[i].astype(DType::f32).contiguous();
    layers_.push_back(
        {kernels::pack_f32(plain.data<float>(), w.shape(1), 1, w.shape(0), w.shape(1)),
         {bias.data<float>(), bias.data<float>() + w.shape(1)}});
    if (i + 1 < weights.size()) widest_ = std::max(widest_, w.shape(1));
    products_ += w.shape(0) * w.shape(1);
  }
}

void MlpSession::run_block(const float* x, index_t rows, float* y) const {
  const auto relu = kernels::active().unary.forward[static_cast<int>(kernels::Unary::relu)];
  float* hidden[2];
  hidden[0] = t_hidden.reserve<float>(2 * rows * widest_);
  hidden[1] = hidden[0] + rows * widest_;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const bool last = i + 1 == layers_.size();
    float* out = last ? y : hidden[i % 2];
    kernels::gemm_packed_here(x, rows, layer.weight.k, layer.weight,
                              {out, layer.weight.n, false, layer.bias.data()});
    if (!last) relu(out, out, static_cast<std::size_t>(rows * layer.weight.n), 0.0f);
    x = out;
  }
}

void MlpSession::run(const float* x, index_t rows, float* y) const {
  kernels::count_call(kernels::Family::gemm);
  const index_t in = in_features(), out = out_features();
  const index_t blocks = (rows + kBlockRows - 1) / kBlockRows;
  const index_t grain = grain_for(kChunkProducts, products_ * std::min(rows, kBlockRows));
  parallel_for(blocks, grain, [&](index_t begin, index_t end) {
    for (index_t i = begin * kBlockRows; i < std::min(rows, end * kBlockRows); i += kBlockRows) {
      run_block(x + i * in, std::min(kBlockRows, rows - i), y + i * out);
    }
  });
}

}  // namespace tt::runtime
