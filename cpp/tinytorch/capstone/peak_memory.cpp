#include "tinytorch/capstone/peak_memory.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace tt::capstone {
namespace {

// "VmHWM:   12345 kB" in /proc/self/status; -1 if absent.
std::int64_t status_bytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::int64_t kilobytes = -1;
    if (word == field && status >> kilobytes) return kilobytes * 1024;
  }
  return -1;
}

}  // namespace

std::int64_t peak_resident_bytes() {
  if (const std::int64_t bytes = status_bytes("VmHWM:"); bytes > 0) return bytes;
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
#if defined(__APPLE__)
  return usage.ru_maxrss;
#else
  return std::int64_t{usage.ru_maxrss} * 1024;
#endif
}

void reset_peak_resident() noexcept {
  try {
    std::ofstream("/proc/self/clear_refs") << 5;
  } catch (...) {  // not allowed here: the peak stays that of the whole process
  }
}

PeakMemory measure_peak_memory(Measurable& model, std::int64_t stored_bytes,
                               const AllocatorGauge& gauge) {
  const bool gauged = gauge.read && gauge.reset_peak;
  model.prepare(1);
  model.run();  // lazily made buffers belong to the model, not to one pass
  if (gauged) gauge.reset_peak();
  reset_peak_resident();
  const AllocatorCounters before = gauged ? gauge.read() : AllocatorCounters{};
  model.run();
  const AllocatorCounters after = gauged ? gauge.read() : AllocatorCounters{};
  if (after.allocations > before.allocations) {
    const std::int64_t working = std::max<std::int64_t>(0, after.peak_bytes - before.live_bytes);
    return {stored_bytes + working, "allocator"};
  }
  const std::int64_t resident = peak_resident_bytes();
  return {resident, resident > 0 ? "rss" : "unknown"};
}

}  // namespace tt::capstone
