// Many small equal pieces of work, in chunks worth a thread's attention.
#pragma once
#include "tinytorch/base/dims.hpp"
#include "tinytorch/base/thread_pool.hpp"

namespace tt::runtime {

// Calls fn(i) for i in [0, count); `cost` is the number of elements that one touches.
template <class Fn>
void share(index_t count, index_t cost, Fn&& fn) {
  constexpr index_t kWorthSharing = 1 << 15;
  parallel_for(count, grain_for(kWorthSharing, cost), [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) fn(i);
  });
}

}  // namespace tt::runtime
