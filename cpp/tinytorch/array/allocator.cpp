#include "tinytorch/array/allocator.hpp"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <iomanip>
#include <mutex>
#include <sstream>
#include <vector>

#include "tinytorch/base/error.hpp"
#include "tinytorch/base/memory.hpp"

namespace tt {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kAlwaysCached = std::size_t{256} << 20;

#if defined(TINYTORCH_SANITIZED)
constexpr bool kCache = false;
#else
constexpr bool kCache = true;
#endif

// Four classes per power of two: at most 25 % of a block is rounding.
std::size_t round_up(std::size_t bytes) {
  if (bytes <= kAlignment) return kAlignment;
  const std::size_t step = std::max(kAlignment, std::bit_ceil(bytes) / 8);
  return (bytes + step - 1) / step * step;
}
std::size_t size_class(std::size_t rounded) {
  const auto log2 = static_cast<std::size_t>(std::bit_width(rounded) - 1);
  return log2 * 4 + ((rounded >> (log2 - 2)) & 3);
}

std::size_t class_bytes(std::size_t index) { return (4 + index % 4) << (index / 4 - 2); }

// No request passes that this process cannot hold; below 2^60 in any case, for round_up().
std::size_t memory_limit() {
  static const std::size_t limit = [] {
    constexpr std::size_t most = std::size_t{1} << 60;
    const auto known = static_cast<std::size_t>(total_memory_bytes());
    return known == 0 ? most : std::min(most, known + static_cast<std::size_t>(total_swap_bytes()));
  }();
  return limit;
}

std::string readable(std::size_t bytes) {
  static constexpr std::array units{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  std::ostringstream out;
  out << std::fixed << std::setprecision(1) << value << ' ' << units[unit];
  return out.str();
}

[[noreturn, gnu::cold]] void refuse(std::size_t bytes, std::size_t live) {
  throw OutOfMemory(concat("cannot allocate ", bytes, " bytes (", readable(bytes),
                           "): arrays hold ", readable(live), " of ", readable(memory_limit()),
                           " here; use a smaller shape or batch, or free what is not needed"));
}

void* fresh(std::size_t rounded) {
  void* block = std::aligned_alloc(kAlignment, rounded);
  if (block != nullptr) advise_huge_pages(block, rounded);
  return block;
}

// Freed blocks, by size class. Fresh memory costs a page fault for each of its pages, which for
// large arrays is more than the work done on them: a program that repeats itself, as training does,
// shall find its blocks again. So the cache may hold what arrays held at one time but do not now,
// and half of that more: blocks of one size do not serve for another, and different sizes are in
// use at different times.
class Cache {
 public:
  void* take(std::size_t rounded) {
    std::lock_guard lock(mutex_);
    List& list = lists_[size_class(rounded)];
    list.last_use = ++clock_;
    if (list.blocks.empty()) return nullptr;
    void* block = list.blocks.back();
    list.blocks.pop_back();
    cached_ -= rounded;
    return block;
  }
  bool give(void* block, std::size_t rounded, std::size_t held) {
    std::lock_guard lock(mutex_);
    if (cached_ + rounded > room(held)) return false;
    lists_[size_class(rounded)].blocks.push_back(block);
    cached_ += rounded;
    return true;
  }
  // Before fresh memory is taken: frees what is too much beside `held` bytes, of the sizes that
  // were not asked for the longest time first.
  void shrink(std::size_t held) {
    std::lock_guard lock(mutex_);
    high_ = std::max(high_, held);
    while (cached_ > room(held)) free_one();
  }
  std::size_t cached() {
    std::lock_guard lock(mutex_);
    return cached_;
  }
  void clear(std::size_t held) {
    std::lock_guard lock(mutex_);
    while (cached_ > 0) free_one();
    high_ = held;
  }
  std::mutex& mutex() { return mutex_; }

 private:
  struct List {
    std::vector<void*> blocks;
    std::uint64_t last_use = 0;
  };

  std::size_t room(std::size_t held) const {
    const std::size_t most = high_ + high_ / 2;
    return std::max(kAlwaysCached, most > held ? most - held : 0);
  }
  void free_one() {
    std::size_t oldest = lists_.size();
    for (std::size_t i = 0; i < lists_.size(); ++i) {
      if (lists_[i].blocks.empty()) continue;
      if (oldest == lists_.size() || lists_[i].last_use < lists_[oldest].last_use) oldest = i;
    }
    std::free(lists_[oldest].blocks.back());
    lists_[oldest].blocks.pop_back();
    cached_ -= class_bytes(oldest);
  }

  std::mutex mutex_;
  std::array<List, 260> lists_;
  std::size_t cached_ = 0, high_ = 0;  // high_: the most bytes that were held when blocks were made
  std::uint64_t clock_ = 0;
};

// Leaked: arrays held by Python objects may be freed after static destructors have run.
Cache& cache() {
  static Cache* instance = [] {
    auto* made = new Cache;
    pthread_atfork([] { cache().mutex().lock(); }, [] { cache().mutex().unlock(); },
                   [] { cache().mutex().unlock(); });
    return made;
  }();
  return *instance;
}

std::atomic<std::int64_t> g_live{0}, g_peak{0}, g_count{0};
std::atomic<std::size_t> g_held{0};  // by live blocks, their rounding included

}  // namespace

void* allocate(std::size_t bytes) {
  const auto before = static_cast<std::size_t>(g_live.load(std::memory_order_relaxed));
  const std::size_t limit = memory_limit();
  if (bytes > limit || before > limit - bytes) refuse(bytes, before);
  const std::size_t rounded = round_up(bytes);
  void* block = kCache ? cache().take(rounded) : nullptr;
  if (block == nullptr) {
    cache().shrink(g_held.load(std::memory_order_relaxed) + rounded);
    block = fresh(rounded);
  }
  if (block == nullptr) {  // blocks of other sizes may be what is missing
    cache().clear(g_held.load(std::memory_order_relaxed));
    block = fresh(rounded);
  }
  if (block == nullptr) refuse(bytes, before);
  g_count.fetch_add(1, std::memory_order_relaxed);
  g_held.fetch_add(rounded, std::memory_order_relaxed);
  const auto size = static_cast<std::int64_t>(bytes);
  const std::int64_t live = g_live.fetch_add(size, std::memory_order_relaxed) + size;
  std::int64_t peak = g_peak.load(std::memory_order_relaxed);
  while (live > peak && !g_peak.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {
  }
  return block;
}

void deallocate(void* block, std::size_t bytes) {
  const std::size_t rounded = round_up(bytes);
  g_live.fetch_sub(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
  const std::size_t held = g_held.fetch_sub(rounded, std::memory_order_relaxed) - rounded;
  if (!kCache || !cache().give(block, rounded, held)) {
    std::free(block);
  }
}

MemoryStats memory_stats() {
  return {g_live.load(), g_peak.load(), static_cast<std::int64_t>(cache().cached()),
          g_count.load()};
}

void reset_peak_memory() { g_peak.store(g_live.load()); }

void empty_memory_cache() { cache().clear(g_held.load()); }

}  // namespace tt
