// The allocator: alignment, counters, reuse, many threads; storage and its owners.
#include "tinytorch/array/allocator.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "tinytorch/array/array.hpp"

using namespace tt;

TEST_CASE("blocks are aligned, writable to their last byte, and counted") {
  const MemoryStats start = memory_stats();
  std::vector<std::pair<void*, std::size_t>> blocks;
  std::int64_t total = 0;
  for (std::size_t bytes : {0, 1, 63, 64, 65, 127, 128, 129, 1000, 4097, 100000, 70000000}) {
    void* block = allocate(bytes);
    CHECK(reinterpret_cast<std::uintptr_t>(block) % 64 == 0);
    std::memset(block, 0xab, bytes);
    blocks.emplace_back(block, bytes);
    total += static_cast<std::int64_t>(bytes);
  }
  const MemoryStats now = memory_stats();
  CHECK(now.live_bytes == start.live_bytes + total);
  CHECK(now.allocations == start.allocations + static_cast<std::int64_t>(blocks.size()));
  CHECK(now.peak_bytes >= now.live_bytes);
  for (auto [block, bytes] : blocks) deallocate(block, bytes);
  CHECK(memory_stats().live_bytes == start.live_bytes);
  reset_peak_memory();
  CHECK(memory_stats().peak_bytes == start.live_bytes);
}

TEST_CASE("requests that no memory can serve throw, and count nothing") {
  const std::int64_t live = memory_stats().live_bytes;
  const auto most = std::numeric_limits<std::size_t>::max();
  for (std::size_t bytes : {most, most - 63, most / 2, std::size_t{1} << 62}) {
    CHECK_THROWS_AS(allocate(bytes), std::bad_alloc);
    CHECK_THROWS_WITH(allocate(bytes), Catch::Contains(std::to_string(bytes) + " bytes"));
  }
  CHECK(memory_stats().live_bytes == live);
}

#if !defined(TINYTORCH_SANITIZED)
TEST_CASE("freed blocks are used again, for any size of their class") {
  empty_memory_cache();
  void* first = allocate(1000);
  deallocate(first, 1000);
  CHECK(memory_stats().cached_bytes == 1024);
  void* second = allocate(961);
  CHECK(second == first);
  CHECK(memory_stats().cached_bytes == 0);
  deallocate(second, 961);
  void* other = allocate(1100);
  CHECK(other != first);
  deallocate(other, 1100);
  empty_memory_cache();
  CHECK(memory_stats().cached_bytes == 0);
}

TEST_CASE(
    "the cache holds somewhat more than arrays held at one time, and makes room for other sizes") {
  empty_memory_cache();
  const std::int64_t live = memory_stats().live_bytes;
  constexpr std::size_t size = std::size_t{80} << 20, other = std::size_t{160} << 20;
  std::vector<void*> blocks;
  for (int i = 0; i < 6; ++i) blocks.push_back(allocate(size));
  const std::vector<void*> first = blocks;
  for (void* b : blocks) deallocate(b, size);
  CHECK(memory_stats().cached_bytes == 6 * static_cast<std::int64_t>(size));
  for (void*& b : blocks) b = allocate(size);
  std::sort(blocks.begin(), blocks.end());
  CHECK(std::is_permutation(blocks.begin(), blocks.end(), first.begin()));
  for (void* b : blocks) deallocate(b, size);
  void* larger = allocate(other);  // as large as two, of at most nine
  CHECK(memory_stats().cached_bytes == 6 * static_cast<std::int64_t>(size));
  void* largest = allocate(other);
  CHECK(memory_stats().cached_bytes == 5 * static_cast<std::int64_t>(size));
  void* last = allocate(other);
  CHECK(memory_stats().cached_bytes == 3 * static_cast<std::int64_t>(size));
  for (void* b : {larger, largest, last}) deallocate(b, other);
  CHECK(memory_stats().cached_bytes + memory_stats().live_bytes - live <=
        9 * static_cast<std::int64_t>(size));
  empty_memory_cache();
  CHECK(memory_stats().cached_bytes == 0);
}
#endif

TEST_CASE("many threads allocate and free, also what others allocated") {
  const std::int64_t live = memory_stats().live_bytes;
  std::vector<std::vector<Array>> made(6);
  const auto all = [](auto work) {
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 6; ++t) threads.emplace_back([=] { work(t); });
    for (auto& t : threads) t.join();
  };
  all([&made](std::size_t t) {
    for (int i = 0; i < 200; ++i)
      made[t].push_back(Array::full({1 + i * 7}, static_cast<double>(t)));
  });
  int wrong = 0;
  for (std::size_t t = 0; t < 6; ++t) {
    for (const Array& a : made[t]) wrong += a.data<float>()[a.size() - 1] != static_cast<float>(t);
  }
  CHECK(wrong == 0);
  all([&made](std::size_t t) { made[(t + 1) % 6].clear(); });
  CHECK(memory_stats().live_bytes == live);
}

TEST_CASE("storage lets its owner go exactly once, with the last handle") {
  static int released;
  released = 0;
  float memory[4] = {1, 2, 3, 4};
  {
    StoragePtr storage(Storage::adopt(memory, sizeof memory, memory, [](void* owner) {
      ++released;
      static_cast<float*>(owner)[0] = -1;
    }));
    CHECK(storage->foreign());
    Array a(storage, {4}, {1}, 0, DType::f32);
    storage = StoragePtr();
    const Array b = a.slice(0, 1, 2);
    a = Array();
    CHECK(released == 0);
    CHECK(b.data<float>()[0] == 2);
    CHECK_FALSE(b.unique());
  }
  CHECK(released == 1);
  CHECK(memory[0] == -1);
}

TEST_CASE("handles of one storage may be copied and dropped by many threads") {
  static std::atomic<int> released;
  released = 0;
  {
    float memory[2] = {5, 6};
    Array shared(StoragePtr(Storage::adopt(memory, 8, nullptr, [](void*) { ++released; })), {2},
                 {1}, 0, DType::f32);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([copy = shared] {
        for (int i = 0; i < 1000; ++i) {
          const Array view = copy.slice(0, 1, 1);
          if (view.data<float>()[0] != 6) std::abort();
        }
      });
    }
    shared = Array();
    for (auto& t : threads) t.join();
  }
  CHECK(released == 1);
}
