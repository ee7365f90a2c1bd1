// The engine's only source of parallelism: `parallel_for` over an index range.
//
// One pattern is served: many equal pieces of CPU work, the caller taking part, nested calls
// running inline. Not for waiting, I/O or priorities.
//   * Chunk borders depend on n and grain alone, never on the number of threads, so a
//     computation that writes per chunk is bit-equal for any thread count.
//   * Between chunks the caller polls the interrupt check (interrupt.hpp); when it asks to stop,
//   the
//     remaining chunks, nested ones too, are skipped and Interrupted is thrown. An exception in fn
//     does the same and is thrown again in the caller.
//   * fork-safe: a child starts with no workers and makes new ones on first need.
#pragma once
#include <algorithm>
#include <cstdint>
#include <type_traits>

namespace tt {

// Threads that work takes part on (>= 1), counting the caller. Initially TINYTORCH_NUM_THREADS,
// else the smaller of the affinity mask and the container's CPU quota.
int num_threads();
// ValueError unless 1 <= count <= 256. Safe while others compute: their jobs end on the old
// threads.
void set_num_threads(int count);

namespace detail {
using ChunkFn = void (*)(void* context, std::int64_t begin, std::int64_t end);
void parallel_for(std::int64_t n, std::int64_t grain, ChunkFn fn, void* context);
}  // namespace detail

// Calls fn(begin, end) over [0, n) cut into chunks of `grain` (the last may be shorter).
template <class Fn>
void parallel_for(std::int64_t n, std::int64_t grain, Fn&& fn) {
  using F = std::remove_reference_t<Fn>;
  detail::parallel_for(
      n, grain,
      [](void* context, std::int64_t begin, std::int64_t end) {
        (*static_cast<F*>(context))(begin, end);
      },
      const_cast<void*>(static_cast<const void*>(&fn)));
}

// The grain of pieces that cost `cost` each, for chunks that cost about `worth`.
constexpr std::int64_t grain_for(std::int64_t worth, std::int64_t cost) {
  return std::max<std::int64_t>(1, worth / std::max<std::int64_t>(1, cost));
}

}  // namespace tt
