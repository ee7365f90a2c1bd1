#include "tinytorch/runtime/cnn/memory_plan.hpp"

#include <algorithm>
#include <numeric>

namespace tt::runtime {
namespace {

struct Life {
  int first = -1, last = -1;  // layers
  bool meets(const Life& o) const { return first <= o.last && o.first <= last; }
};

std::vector<Life> lives_of(const CnnGraph& graph) {
  std::vector<Life> lives(graph.values.size());
  const auto use = [&](int value, int layer) {
    if (value < 0) return;
    Life& life = lives[static_cast<std::size_t>(value)];
    if (life.first < 0) life.first = layer;
    life.last = layer;
  };
  for (std::size_t i = 0; i < graph.layers.size(); ++i) {
    const auto layer = static_cast<int>(i);
    use(graph.layers[i].output, layer);
    use(graph.layers[i].input, layer);
    use(graph.layers[i].residual, layer);
  }
  return lives;
}

}  // namespace

// Large values first, each at the lowest place that is free for all of its life.
MemoryPlan plan_memory(const CnnGraph& graph, std::vector<index_t> bytes) {
  for (index_t& size : bytes) size = (size + 63) / 64 * 64;
  const std::vector<Life> lives = lives_of(graph);
  std::vector<std::size_t> order(graph.values.size() - 1);
  std::iota(order.begin(), order.end(), std::size_t{1});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return bytes[a] > bytes[b]; });
  MemoryPlan plan;
  plan.offsets.assign(graph.values.size(), -1);
  std::vector<std::size_t> placed;  // by rising offset
  for (const std::size_t v : order) {
    const index_t size = bytes[v];
    index_t offset = 0;
    for (const std::size_t other : placed) {
      if (!lives[v].meets(lives[other])) continue;
      if (offset + size <= plan.offsets[other]) break;
      offset = std::max(offset, plan.offsets[other] + bytes[other]);
    }
    plan.offsets[v] = offset;
    plan.size = std::max(plan.size, offset + size);
    plan.separate += size;
    const auto at = std::find_if(placed.begin(), placed.end(),
                                 [&](std::size_t other) { return plan.offsets[other] > offset; });
    placed.insert(at, v);
  }
  return plan;
}

}  // namespace tt::runtime
