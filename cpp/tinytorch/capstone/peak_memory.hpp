// Memory that a model needs to serve one row.
//
//   "allocator"  stored bytes of the weights + (peak - live) of the engine's arrays over one pass
//   "rss"        peak resident memory of the process, for models whose memory is not the engine's
#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "tinytorch/capstone/measurable.hpp"

namespace tt::capstone {

// The engine's counters, handed in because this layer does not see arrays.
struct AllocatorCounters {
  std::int64_t live_bytes = 0, peak_bytes = 0, allocations = 0;
};
struct AllocatorGauge {
  std::function<AllocatorCounters()> read;
  std::function<void()> reset_peak;
};

struct PeakMemory {
  std::int64_t bytes = 0;
  std::string source;  // "allocator", "rss", or "unknown" where the system tells nothing
};

// Runs the model once on one row. Without a gauge, or if the pass took nothing from the allocator,
// falls back to "rss".
PeakMemory measure_peak_memory(Measurable& model, std::int64_t stored_bytes,
                               const AllocatorGauge& gauge);

std::int64_t peak_resident_bytes();   // since start or reset_peak_resident(); 0 if unknown
void reset_peak_resident() noexcept;  // Linux; elsewhere nothing

}  // namespace tt::capstone
