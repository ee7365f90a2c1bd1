// How much memory there is, for this process, and advice to the system about it.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tt {

std::int64_t
total_memory_bytes();             // the smaller of the machine's and the container's; 0 if unknown
std::int64_t total_swap_bytes();  // 0 where there is none, or if unknown

// Asks for pages of 2 MiB under a large new block, which spares address translation; small blocks
// and systems that cannot are left as they are.
void advise_huge_pages(void* block, std::size_t bytes);

}  // namespace tt
