// Which range of numbers the codes of each value of an int8 network cover.
#pragma once
#include <vector>

#include "tinytorch/quant/affine.hpp"
#include "tinytorch/quant/observer.hpp"
#include "tinytorch/runtime/cnn/graph.hpp"

namespace tt::kernels {
struct Table;
}

namespace tt::runtime {

struct CalibrationOptions {
  quant::Calibration method = quant::Calibration::minmax;
  double percentile = 99.99;
};

// A range per value of the graph, with 0 in it, by what the value is over all images (n, channels,
// height, width), computed in floats. ValueError on NaN and infinity.
std::vector<quant::Range> measure_ranges(const CnnGraph& graph, const Array& images,
                                         const CalibrationOptions& options,
                                         const kernels::Table& kernels);

}  // namespace tt::runtime
