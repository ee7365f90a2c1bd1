// Inference with a convolutional network whose plan is made once: shapes checked, norms folded,
// sums, activations and pools joined to convolutions, weights packed, a way of computing chosen per
// layer, and places for all activations in one block of memory. A call allocates nothing but its
// result.
//
// The result of an image does not depend on the images beside it nor on the number of threads.
// Batches run in groups of images whose activations stay near; with fewer images than threads, the
// layers themselves are shared among the threads.
//
// In int8, weights have a scale per output, activations one per value, measured on sample images;
// what follows a pool over the whole image, and linear layers, are computed in floats. Sums are
// exact: the same bits on every instruction set up to that pool. An image with NaN or infinity
// gives NaN.
#pragma once
#include <mutex>
#include <string>
#include <vector>

#include "tinytorch/runtime/cnn/calibrate.hpp"
#include "tinytorch/runtime/cnn/plan.hpp"

namespace tt::runtime {

// Networks run in f32 or int8; ValueError for others.
Precision cnn_precision_from_name(std::string_view name);

struct CnnOptions {
  index_t batch = 1;  // images that a call is expected to have; any number is accepted
  Precision precision = Precision::f32;
  // int8: sample images (n, channels, height, width) and what is made of them, or else the ranges
  // of an earlier session of the same nodes.
  Array calibration = {};
  CalibrationOptions calibrated = {};
  std::vector<quant::Range> ranges = {};
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

  index_t outputs() const { return plan_.graph().values.back().channels; }
  const Value& input() const { return plan_.graph().values.front(); }
  // int8: of every value of the graph, to make the same session again; else empty.
  const std::vector<quant::Range>& ranges() const { return ranges_; }
  // Bytes beside the weights: activations of one image, and workspace of one thread.
  struct Memory {
    index_t activations, workspace;
  };
  Memory memory() const { return {plan_.activations() / plan_.group(), plan_.workspace()}; }
  // A line per step: name, result, way of computing, what is joined to it; then the memory.
  std::string describe() const { return plan_.describe(); }

 private:
  CnnSession(CnnGraph graph, const CnnOptions& options, const kernels::Table& kernels);
  void run_group(const float* images, index_t count, float* out);

  Precision precision_;
  const kernels::Table& kernels_;
  std::vector<quant::Range> ranges_;
  CnnPlan plan_;
  std::mutex mutex_;
  Workspaces activations_, work_;
};

}  // namespace tt::runtime
