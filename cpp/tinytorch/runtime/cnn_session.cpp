#include "tinytorch/runtime/cnn_session.hpp"

#include <algorithm>
#include <cstring>
#include <iomanip>
#include <sstream>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"

namespace tt::runtime {
namespace {

constexpr index_t kMaxBatch = 1 << 20;
constexpr index_t kGroup = 32;             // images
constexpr index_t kGroupBytes = 64 << 20;  // of activations

const char* kind_of(const Layer& layer) {
  switch (layer.kind) {
    case Layer::Kind::conv:
      return "conv";
    case Layer::Kind::max_pool:
      return "max pool";
    case Layer::Kind::average_pool:
      return "average pool";
    case Layer::Kind::linear:
      return "linear";
    case Layer::Kind::to_channels_last:
      return "channels last";
    case Layer::Kind::pointwise:
      break;
  }
  return "pointwise";
}

}  // namespace

CnnSession::CnnSession(const std::vector<CnnNode>& nodes, const Value& input,
                       const CnnOptions& options)
    : CnnSession(nodes, input, options, kernels::active()) {}

CnnSession::CnnSession(const std::vector<CnnNode>& nodes, const Value& input,
                       const CnnOptions& options, const kernels::Table& kernels)
    : graph_(build_graph(nodes, input)), options_(options), memory_(plan_memory(graph_)) {
  if (options.batch < 1 || options.batch > kMaxBatch) {
    fail<ValueError>("batch, the number of images expected per call, must be between 1 and ",
                     kMaxBatch, ", got ", options.batch);
  }
  const index_t fit = kGroupBytes / (4 * std::max<index_t>(memory_.size, 1));
  group_ = std::clamp<index_t>(fit, 1, std::min(kGroup, options.batch));
  workspace_ = 0;
  for (Layer& layer : graph_.layers) {
    const auto value = [&](int i) -> const Value& {
      return graph_.values[static_cast<std::size_t>(i)];
    };
    steps_.push_back(make_step(
        {layer, value(layer.input), value(layer.output), layer.input == 0, group_, kernels}));
    workspace_ = std::max(workspace_, steps_.back()->workspace());
    std::vector<float>().swap(layer.weight);  // packed now
  }
}

void CnnSession::prepare(index_t groups) {
  const int threads = num_threads();
  const auto at_once = static_cast<int>(std::clamp<index_t>(groups, 1, threads));
  activations_.reserve(at_once, group_ * memory_.size);
  work_.reserve(threads, workspace_);
}

Array CnnSession::run(const Array& images) {
  const Value& in = input();
  const bool fits = images.ndim() == 4 && images.shape(1) == in.channels &&
                    images.shape(2) == in.height && images.shape(3) == in.width;
  if (!fits) {
    fail<ShapeError>("this session takes images of shape (n, ", in.channels, ", ", in.height, ", ",
                     in.width, "), got ", to_string(images.shape()));
  }
  if (!is_float(images.dtype())) {
    fail<DTypeError>("this session takes floats, got ", name_of(images.dtype()),
                     "; convert and scale the images first");
  }
  kernels::count_call(kernels::Family::gemm);
  const Array plain = images.astype(DType::f32).contiguous();
  const index_t n = plain.shape(0), size = in.channels * in.height * in.width;
  const Array out = Array::empty({n, outputs()});
  if (n == 0) return out;
  const std::lock_guard lock(mutex_);
  // A group per thread where there are images for all of them.
  const index_t threads = num_threads();
  const index_t per = n < threads ? group_ : std::min(group_, (n + threads - 1) / threads);
  const index_t groups = (n + per - 1) / per;
  prepare(groups);
  parallel_for(groups, 1, [&](index_t begin, index_t end) {
    for (index_t g = begin; g < end; ++g) {
      const index_t first = n * g / groups, last = n * (g + 1) / groups;
      run_group(plain.data<float>() + first * size, last - first,
                out.data<float>() + first * outputs());
    }
  });
  return out;
}

void CnnSession::run_group(const float* images, index_t count, float* out) {
  const Workspaces::Piece memory(activations_);
  const auto place = [&](int value) -> float* {
    return memory.data() + memory_.offsets[static_cast<std::size_t>(value)] * count;
  };
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Layer& layer = graph_.layers[i];
    StepData d;
    d.images = count;
    d.input = layer.input == 0 ? images : place(layer.input);
    d.residual = layer.residual < 0 ? nullptr : place(layer.residual);
    d.output = place(layer.output);
    d.work = &work_;
    steps_[i]->run(d);
  }
  const float* result = place(graph_.layers.back().output);
  const index_t stored = graph_.values.back().stored_channels();
  for (index_t n = 0; n < count; ++n) {
    std::memcpy(out + n * outputs(), result + n * stored,
                sizeof(float) * static_cast<std::size_t>(outputs()));
  }
}

std::string CnnSession::describe() const {
  std::ostringstream text;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Layer& layer = graph_.layers[i];
    const Value& to = graph_.values[static_cast<std::size_t>(layer.output)];
    text << std::left << std::setw(14) << layer.name << std::setw(14) << kind_of(layer)
         << std::setw(18) << to_string(Dims{to.channels, to.height, to.width})
         << steps_[i]->method();
    if (layer.folded) text << " + norm";
    if (layer.residual >= 0) text << " + residual";
    if (layer.relu) text << " + relu";
    if (layer.pool) text << " + max pool";
    text << '\n';
  }
  text << "activations: " << memory_.size * 4 << " bytes per image (" << memory_.separate * 4
       << " in places of their own), in groups of up to " << group_
       << " images; workspace: " << workspace_ * 4 << " bytes per thread\n";
  return text.str();
}

}  // namespace tt::runtime
