// When a result should pass by the caches. Written with ordinary stores, a result far larger than
// the caches costs three transfers for two: each line is read before it is overwritten. The
// *_streamed kernels avoid the read; their values are the same. What is written so has to be
// fetched again by whoever reads it next, so smaller results stay with ordinary stores.
#pragma once
#include <cstddef>

namespace tt::kernels {

inline constexpr std::size_t kStreamedBytes = std::size_t{32} << 20;
inline bool streams(std::size_t result_bytes) { return result_bytes >= kStreamedBytes; }

// Every thread calls it after its last *_streamed kernel, before others may read the result:
// streamed stores are not ordered by locks and atomics.
inline void finish_streamed() {
#if defined(__x86_64__)
  __builtin_ia32_sfence();
#endif
}

}  // namespace tt::kernels
