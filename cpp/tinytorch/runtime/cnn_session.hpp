// Inference with a convolutional network whose plan is made once: shapes checked, norms folded,
// sums, activations and pools joined to convolutions, weights packed, a way of computing chosen per
// layer, and places for all activations in one block of memory. A call allocates nothing but its
// result.
//
// The result of an image does not depend on the images beside it nor on the number of threads.
// Batches run in groups of images whose activations stay near; with fewer images than threads, the
// layers themselves are shared among the threads.
#pragma once
#include <mutex>
#include <string>
#include <vector>

#include "tinytorch/runtime/memory_plan.hpp"
#include "tinytorch/runtime/step.hpp"

namespace tt::runtime {

struct CnnOptions {
  index_t batch = 1;  // images that a call is expected to have; any number is accepted
};

class CnnSession {
 public:
  CnnSession(const std::vector<CnnNode>& nodes, const Value& input, const CnnOptions& options = {});
  // With the kernels of a given instruction set, for tests.
  CnnSession(const std::vector<CnnNode>& nodes, const Value& input, const CnnOptions& options,
             const kernels::Table& kernels);

  // (n, channels, height, width) of any float type -> (n, outputs) float32. ShapeError for other
  // shapes. Calls from several threads take turns.
  Array run(const Array& images);

  index_t outputs() const { return graph_.values.back().channels; }
  const Value& input() const { return graph_.values.front(); }
  // A line per step: name, result, way of computing, what is joined to it; then the memory.
  std::string describe() const;

 private:
  void prepare(index_t images);
  void run_group(const float* images, index_t count, float* out);

  CnnGraph graph_;
  CnnOptions options_;
  MemoryPlan memory_;
  std::vector<StepPtr> steps_;
  index_t group_;      // images whose activations are kept at once
  index_t workspace_;  // floats that a step needs per thread
  std::mutex mutex_;
  Workspaces activations_, work_;
};

}  // namespace tt::runtime
