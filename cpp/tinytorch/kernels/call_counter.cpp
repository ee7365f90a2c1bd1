#include "tinytorch/kernels/call_counter.hpp"

#include <array>
#include <atomic>

namespace tt::kernels {
namespace {

constexpr const char* kNames[] = {
#define TT_NAME(name) #name,
    TT_FAMILIES(TT_NAME)
#undef TT_NAME
};
std::array<std::atomic<std::uint64_t>, std::size(kNames)> g_calls{};

}  // namespace

void count_call(Family family) {
  g_calls[static_cast<std::size_t>(family)].fetch_add(1, std::memory_order_relaxed);
}

std::vector<std::pair<const char*, std::uint64_t>> call_counts() {
  std::vector<std::pair<const char*, std::uint64_t>> out;
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    out.emplace_back(kNames[i], g_calls[i].load(std::memory_order_relaxed));
  }
  return out;
}

}  // namespace tt::kernels
