#include "tinytorch/runtime/cnn/calibrate.hpp"

#include <algorithm>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/runtime/cnn/code_widths.hpp"
#include "tinytorch/runtime/cnn/plan.hpp"

namespace tt::runtime {
namespace {

constexpr index_t kAtOnce = 8;  // images

std::size_t at(int i) { return static_cast<std::size_t>(i); }

// Steps above 0: all that a value has, if it is never negative.
std::vector<quant::Observer> observers(const CnnGraph& graph, const CalibrationOptions& options) {
  const CodeWidths widths(graph);
  std::vector<int> steps;
  for (const bool seven_bits : widths.seven_bits) steps.push_back(seven_bits ? 63 : 127);
  for (const Layer& layer : graph.layers) {
    if (layer.relu) steps[at(layer.output)] = 2 * steps[at(layer.output)] + 1;
  }
  std::vector<quant::Observer> made;
  for (const int s : steps) made.emplace_back(options.method, options.percentile, s);
  return made;
}

}  // namespace

std::vector<quant::Range> measure_ranges(const CnnGraph& graph, const Array& images,
                                         const CalibrationOptions& options,
                                         const kernels::Table& kernels) {
  const CnnPlan plan(graph, kAtOnce, kernels);
  const Array memory = Array::empty({plan.activations()}, DType::u8);
  Workspaces work;
  work.reserve(num_threads(), plan.workspace());
  std::vector<quant::Observer> seen = observers(graph, options);
  const auto observe = [&](int value, const float* x, index_t n) {
    const Array values = Array::empty({n});
    std::copy(x, x + n, values.data<float>());
    seen[at(value)].observe(values);
  };
  const index_t size = images.size() / images.shape(0);
  for (index_t first = 0; first < images.shape(0); first += kAtOnce) {
    const index_t count = std::min(kAtOnce, images.shape(0) - first);
    const float* from = images.data<float>() + first * size;
    observe(0, from, count * size);
    plan.run(from, count, memory.raw(), work, [&](const Layer& layer, const std::byte* made) {
      const index_t n = count * plan.graph().values[at(layer.output)].stored();
      observe(layer.output, reinterpret_cast<const float*>(made), n);
    });
  }
  std::vector<quant::Range> ranges;
  for (const quant::Observer& o : seen) {
    const float most = o.threshold();
    ranges.push_back({std::clamp(o.low(), -most, 0.0f), std::clamp(o.high(), 0.0f, most)});
  }
  return ranges;
}

}  // namespace tt::runtime
