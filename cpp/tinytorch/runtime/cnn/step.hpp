// One layer, ready to run: weights packed, way of computing chosen.
#pragma once
#include <cstddef>
#include <memory>
#include <string>

#include "tinytorch/kernels/table.hpp"
#include "tinytorch/runtime/cnn/graph.hpp"
#include "tinytorch/runtime/cnn/workspaces.hpp"

namespace tt::runtime {

// Where a step reads and writes. Images have their channels innermost, but for the network's input,
// which is (channels, height, width).
struct StepData {
  index_t images = 0;
  const std::byte* input = nullptr;
  const std::byte* residual = nullptr;
  std::byte* output = nullptr;
  Workspaces* work = nullptr;

  const float* in() const { return reinterpret_cast<const float*>(input); }
  const float* add() const { return reinterpret_cast<const float*>(residual); }
  float* out() const { return reinterpret_cast<float*>(output); }
};

class Step {
 public:
  virtual ~Step() = default;
  virtual void run(const StepData& d) const = 0;
  virtual index_t workspace() const { return 0; }  // bytes that a thread needs meanwhile
  virtual std::string method() const = 0;          // e.g. "winograd 4x4"
};
using StepPtr = std::unique_ptr<Step>;

// What a step is made from. `batch` is the number of images that a call is expected to have: it
// decides between ways of computing, never what a step accepts.
struct StepSource {
  const Layer& layer;
  const Value& from;
  const Value& to;
  bool planes;  // the input is the network's
  index_t batch;
  const kernels::Table& kernels;
};

StepPtr make_step(const StepSource& s);

// The ways to make a convolution's step.
StepPtr make_direct_conv(const StepSource& s);
StepPtr make_winograd_conv(const StepSource& s);
bool prefers_winograd(const StepSource& s);

}  // namespace tt::runtime
