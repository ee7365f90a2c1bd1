// How much memory there is, for this process.
#pragma once
#include <cstdint>

namespace tt {

std::int64_t
total_memory_bytes();             // the smaller of the machine's and the container's; 0 if unknown
std::int64_t total_swap_bytes();  // 0 where there is none, or if unknown

}  // namespace tt
