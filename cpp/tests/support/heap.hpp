// How often this process has asked for memory on the heap: operator new, by any thread.
#pragma once
#include <cstdint>

namespace tt::test {

std::int64_t heap_requests();

}  // namespace tt::test
