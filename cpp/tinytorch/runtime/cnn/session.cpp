#include "tinytorch/runtime/cnn/session.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"

namespace tt::runtime {
namespace {

constexpr index_t kMaxBatch = 1 << 20;
constexpr index_t kGroup = 32;              // images
constexpr index_t kGroupBytes = 256 << 20;  // of all activations of a group

Array checked(const Array& images, const Value& in, const char* what) {
  const bool fits = images.ndim() == 4 && images.shape(1) == in.channels &&
                    images.shape(2) == in.height && images.shape(3) == in.width;
  if (!fits) {
    fail<ShapeError>(what, " must have shape (n, ", in.channels, ", ", in.height, ", ", in.width,
                     "), got ", to_string(images.shape()));
  }
  if (!is_float(images.dtype())) {
    fail<DTypeError>(what, " must be floats, got ", name_of(images.dtype()),
                     "; convert and scale them first");
  }
  return images.astype(DType::f32).contiguous();
}

index_t group_of(const CnnGraph& graph, index_t batch) {
  if (batch < 1 || batch > kMaxBatch) {
    fail<ValueError>("batch, the number of images expected per call, must be between 1 and ",
                     kMaxBatch, ", got ", batch);
  }
  index_t bytes = 1;
  for (const Value& v : graph.values) bytes += 4 * v.stored();
  return std::clamp<index_t>(kGroupBytes / bytes, 1, std::min(kGroup, batch));
}

std::vector<quant::Range> ranges_of(const CnnGraph& graph, const CnnOptions& options,
                                    const kernels::Table& kernels) {
  if (options.precision == Precision::f32) return {};
  if (!options.ranges.empty()) {
    if (options.ranges.size() != graph.values.size()) {
      fail<ValueError>("these nodes have ", graph.values.size(),
                       " values, but there are ranges for ", options.ranges.size());
    }
    for (const quant::Range& r : options.ranges)
      quant::choose_affine(r.low, r.high);  // checks them
    return options.ranges;
  }
  const Value& in = graph.values[0];
  if (!options.calibration.defined() || options.calibration.size() == 0) {
    fail<ValueError>("int8 needs calibration: sample images of shape (n, ", in.channels, ", ",
                     in.height, ", ", in.width, "), as the network will see them");
  }
  const Array samples = checked(options.calibration, in, "calibration images");
  return measure_ranges(graph, samples, options.calibrated, kernels);
}

CnnPlan make_plan(CnnGraph graph, const CnnOptions& options,
                  const std::vector<quant::Range>& ranges, const kernels::Table& kernels) {
  const index_t group = group_of(graph, options.batch);
  if (options.precision == Precision::f32) return CnnPlan(std::move(graph), group, kernels);
  return CnnPlan(std::move(graph), group, ranges, kernels);
}

}  // namespace

Precision cnn_precision_from_name(std::string_view name) {
  if (name == "f32") return Precision::f32;
  if (name == "int8") return Precision::int8;
  fail<ValueError>("unknown precision '", name, "'; use f32 or int8");
}

CnnSession::CnnSession(const std::vector<CnnNode>& nodes, const Value& input,
                       const CnnOptions& options)
    : CnnSession(nodes, input, options, kernels::active()) {}

CnnSession::CnnSession(const std::vector<CnnNode>& nodes, const Value& input,
                       const CnnOptions& options, const kernels::Table& kernels)
    : CnnSession(build_graph(nodes, input, options.precision), options, kernels) {}

CnnSession::CnnSession(CnnGraph graph, const CnnOptions& options, const kernels::Table& kernels)
    : precision_(options.precision),
      kernels_(kernels),
      ranges_(ranges_of(graph, options, kernels)),
      plan_(make_plan(std::move(graph), options, ranges_, kernels)) {}

Array CnnSession::run(const Array& images) {
  const Array plain = checked(images, input(), "images");
  kernels::count_call(precision_ == Precision::int8 ? kernels::Family::gemm_s8
                                                    : kernels::Family::gemm);
  const index_t n = plain.shape(0), size = plain.size() / std::max<index_t>(n, 1);
  const Array out = Array::empty({n, outputs()});
  if (n == 0) return out;
  const std::lock_guard lock(mutex_);
  // A group per thread where there are images for all of them.
  const index_t threads = num_threads();
  const index_t per =
      n < threads ? plan_.group() : std::min(plan_.group(), (n + threads - 1) / threads);
  const index_t groups = (n + per - 1) / per;
  activations_.reserve(static_cast<int>(std::min(groups, threads)), plan_.activations());
  work_.reserve(static_cast<int>(threads), plan_.workspace());
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
  const float* result = plan_.run(images, count, memory.bytes(), work_);
  const index_t stored = plan_.graph().values.back().stored_channels();
  const Value& in = input();
  const index_t size = in.channels * in.height * in.width;
  for (index_t n = 0; n < count; ++n) {
    float* row = out + n * outputs();
    std::memcpy(row, result + n * stored, sizeof(float) * static_cast<std::size_t>(outputs()));
    // Codes have no NaN.
    if (precision_ != Precision::int8) continue;
    constexpr std::uint32_t kInfinityBits = 0x7f800000u;
    const auto bits =
        kernels_.gemm_s8.abs_max_bits(images + n * size, static_cast<std::size_t>(size));
    if (bits >= kInfinityBits) std::fill_n(row, outputs(), std::nanf(""));
  }
}

}  // namespace tt::runtime
