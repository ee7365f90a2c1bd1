#include "tinytorch/runtime/cnn/code_widths.hpp"

#include "tinytorch/runtime/cnn/step_s8.hpp"

namespace tt::runtime {

CodeWidths::CodeWidths(const CnnGraph& graph) : seven_bits(graph.values.size(), false) {
  const auto at = [](int i) { return static_cast<std::size_t>(i); };
  for (const Layer& layer : graph.layers) {
    const bool of_image = layer.input == 0 || layer.input == graph.layers.front().output;
    pairs.push_back(!of_image && has_mirror_pairs(layer, graph.values[at(layer.input)],
                                                  graph.values[at(layer.output)]));
    if (pairs.back()) seven_bits[at(layer.input)] = true;
  }
  for (std::size_t i = graph.layers.size(); i-- > 0;) {
    const Layer& layer = graph.layers[i];
    const bool pool = layer.kind == Layer::Kind::max_pool;
    if (pool && seven_bits[at(layer.output)]) seven_bits[at(layer.input)] = true;
  }
}

}  // namespace tt::runtime
