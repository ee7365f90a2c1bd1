// A network's steps, and places for what they compute.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "tinytorch/quant/affine.hpp"
#include "tinytorch/runtime/cnn/memory_plan.hpp"
#include "tinytorch/runtime/cnn/step_s8.hpp"

namespace tt::runtime {

class CnnPlan {
 public:
  // `group`: images that are computed at once, at most `group`. For int8, `ranges` are those of all
  // values (calibrate.hpp).
  CnnPlan(CnnGraph graph, index_t group, const kernels::Table& kernels);
  CnnPlan(CnnGraph graph, index_t group, const std::vector<quant::Range>& ranges,
          const kernels::Table& kernels);

  const CnnGraph& graph() const { return graph_; }
  index_t group() const { return group_; }
  index_t activations() const {
    return memory_.size * group_ + 64;
  }                                                 // bytes; steps may read beyond
  index_t workspace() const { return workspace_; }  // bytes per thread

  // Computes `count` images (channels, height, width) with activations in `memory`; gives the
  // result, rows of stored_channels() floats. After each step, calls `watch`, if any, with its
  // layer and what it made.
  using Watch = std::function<void(const Layer&, const std::byte*)>;
  const float* run(const float* images, index_t count, std::byte* memory, Workspaces& work,
                   const Watch& watch = {}) const;

  std::string describe() const;

 private:
  void add(StepPtr step);
  StepSource source(Layer& layer, const kernels::Table& kernels) const;

  CnnGraph graph_;
  index_t group_;
  MemoryPlan memory_;
  std::vector<StepPtr> steps_;
  index_t workspace_ = 0;
};

}  // namespace tt::runtime
