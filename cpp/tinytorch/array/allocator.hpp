// Aligned memory with a cache of freed blocks, and the counters that reports and tests read.
// Blocks are 64-byte aligned and rounded up to a size class; kernels must not read the rounding.
// With what is cached the process holds no more than arrays held at one time, or 256 MiB beside
// them; under sanitizers, which would miss errors, nothing is cached.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tt {

struct MemoryStats {
  std::int64_t live_bytes = 0;    // held by arrays now
  std::int64_t peak_bytes = 0;    // highest live_bytes since reset_peak_memory()
  std::int64_t cached_bytes = 0;  // freed, kept for reuse
  std::int64_t allocations = 0;   // requests served, cached or not, since the process began
};

// OutOfMemory where the system has no more, and at once where live_bytes would exceed all memory
// and swap of the machine or container: a system that overcommits grants that too, and kills later.
void* allocate(std::size_t bytes);
void deallocate(void* block, std::size_t bytes);  // bytes as given to allocate

MemoryStats memory_stats();
void reset_peak_memory();
void empty_memory_cache();  // returns cached blocks to the system

}  // namespace tt
