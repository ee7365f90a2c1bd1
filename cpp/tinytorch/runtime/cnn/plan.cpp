#include "tinytorch/runtime/cnn/plan.hpp"

#include <algorithm>
#include <iomanip>
#include <sstream>

#include "tinytorch/runtime/cnn/code_widths.hpp"

namespace tt::runtime {
namespace {

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
      return "input";
    case Layer::Kind::pointwise:
      break;
  }
  return "pointwise";
}

std::size_t at(int i) { return static_cast<std::size_t>(i); }

// Which values are codes.
std::vector<bool> code_values(const CnnGraph& graph) {
  std::vector<bool> codes(graph.values.size(), false);
  for (const Layer& layer : graph.layers) {
    const bool from = layer.kind == Layer::Kind::to_channels_last || codes[at(layer.input)];
    codes[at(layer.output)] = from && gives_codes(layer);
  }
  return codes;
}

// Pools give the codes that they are given.
std::vector<CodeScale> code_scales(const CnnGraph& graph, const CodeWidths& widths,
                                   const std::vector<quant::Range>& ranges) {
  std::vector<CodeScale> scales;
  for (std::size_t v = 0; v < ranges.size(); ++v) {
    const auto [low, high] = ranges[v];
    scales.push_back(widths.seven_bits[v] ? CodeScale::of_seven_bits(low, high)
                                          : CodeScale::of(low, high));
  }
  for (const Layer& layer : graph.layers) {
    if (layer.kind == Layer::Kind::max_pool) scales[at(layer.output)] = scales[at(layer.input)];
  }
  return scales;
}

}  // namespace

CnnPlan::CnnPlan(CnnGraph graph, index_t group, const kernels::Table& kernels)
    : graph_(std::move(graph)), group_(group) {
  std::vector<index_t> bytes;
  for (const Value& v : graph_.values) bytes.push_back(4 * v.stored());
  memory_ = plan_memory(graph_, std::move(bytes));
  for (Layer& layer : graph_.layers) {
    add(make_step(source(layer, kernels)));
    std::vector<float>().swap(layer.weight);  // packed now
  }
}

CnnPlan::CnnPlan(CnnGraph graph, index_t group, const std::vector<quant::Range>& ranges,
                 const kernels::Table& kernels)
    : graph_(std::move(graph)), group_(group) {
  const std::vector<bool> codes = code_values(graph_);
  std::vector<index_t> bytes;
  for (std::size_t v = 0; v < codes.size(); ++v) {
    bytes.push_back(graph_.values[v].stored() * (codes[v] ? kernels.gemm_s8.shape.code_bytes : 4));
  }
  memory_ = plan_memory(graph_, std::move(bytes));
  const CodeWidths widths(graph_);
  const std::vector<CodeScale> scales = code_scales(graph_, widths, ranges);
  for (std::size_t i = 0; i < graph_.layers.size(); ++i) {
    Layer& layer = graph_.layers[i];
    const CodeScale residual = layer.residual < 0 ? CodeScale{} : scales[at(layer.residual)];
    if (layer.residual >= 0 && codes[at(layer.residual)] != codes[at(layer.input)]) {
      fail<ValueError>("'", layer.name,
                       "': in int8, ('add',) joins two values before a pool over "
                       "the whole image, or two after it; use precision 'f32'");
    }
    add(make_step_s8({source(layer, kernels), scales[at(layer.input)], scales[at(layer.output)],
                      residual, codes[at(layer.input)], codes[at(layer.output)], widths.pairs[i]}));
    std::vector<float>().swap(layer.weight);
  }
}

StepSource CnnPlan::source(Layer& layer, const kernels::Table& kernels) const {
  return {layer,
          graph_.values[at(layer.input)],
          graph_.values[at(layer.output)],
          layer.input == 0,
          group_,
          kernels};
}

void CnnPlan::add(StepPtr step) {
  workspace_ = std::max(workspace_, step->workspace());
  steps_.push_back(std::move(step));
}

const float* CnnPlan::run(const float* images, index_t count, std::byte* memory, Workspaces& work,
                          const Watch& watch) const {
  const auto place = [&](int value) { return memory + memory_.offsets[at(value)] * count; };
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Layer& layer = graph_.layers[i];
    StepData d;
    d.images = count;
    d.input = layer.input == 0 ? reinterpret_cast<const std::byte*>(images) : place(layer.input);
    d.residual = layer.residual < 0 ? nullptr : place(layer.residual);
    d.output = place(layer.output);
    d.work = &work;
    steps_[i]->run(d);
    if (watch) watch(layer, d.output);
  }
  return reinterpret_cast<const float*>(place(graph_.layers.back().output));
}

std::string CnnPlan::describe() const {
  std::ostringstream text;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Layer& layer = graph_.layers[i];
    const Value& to = graph_.values[at(layer.output)];
    text << std::left << std::setw(14) << layer.name << std::setw(14) << kind_of(layer)
         << std::setw(18) << to_string(Dims{to.channels, to.height, to.width})
         << steps_[i]->method();
    if (layer.folded) text << " + norm";
    if (layer.residual >= 0) text << " + residual";
    if (layer.relu) text << " + relu";
    if (layer.pool) text << " + max pool";
    text << '\n';
  }
  text << "activations: " << memory_.size << " bytes per image (" << memory_.separate
       << " in places of their own), in groups of up to " << group_
       << " images; workspace: " << workspace_ << " bytes per thread\n";
  return text.str();
}

}  // namespace tt::runtime
