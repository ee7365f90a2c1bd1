#include "tinytorch/base/memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace tt {

std::int64_t total_memory_bytes() {
  const long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGE_SIZE);
  std::int64_t total = pages > 0 && page > 0 ? std::int64_t{pages} * page : 0;
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::ifstream file(path);
    std::int64_t limit = 0;  // "max" leaves it 0
    if (file >> limit && limit > 0) total = total > 0 ? std::min(total, limit) : limit;
  }
  return total;
}

std::int64_t total_swap_bytes() {
  std::ifstream meminfo("/proc/meminfo");
  for (std::string word; meminfo >> word;) {
    std::int64_t kilobytes = 0;
    if (word == "SwapTotal:" && meminfo >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

void advise_huge_pages(void* block, std::size_t bytes) {
  constexpr std::size_t kWorthwhile = std::size_t{4} << 20, kPage = 4096;
  if (bytes < kWorthwhile) return;
  const auto start = (reinterpret_cast<std::uintptr_t>(block) + kPage - 1) / kPage * kPage;
  const auto end = (reinterpret_cast<std::uintptr_t>(block) + bytes) / kPage * kPage;
#if defined(MADV_HUGEPAGE)
  ::madvise(reinterpret_cast<void*>(start), end - start, MADV_HUGEPAGE);  // advice: may be refused
#endif
}

}  // namespace tt
