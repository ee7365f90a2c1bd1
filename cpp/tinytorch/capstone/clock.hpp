// The clock that everything in a report is measured with: monotonic, in nanoseconds, read in C++,
// so that neither a change of the wall clock nor a replaced Python `time` reaches a result.
#pragma once
#include <cstdint>
#include <string>

namespace tt::capstone {

using Clock = std::int64_t (*)();  // nanoseconds since an arbitrary start, never falling

std::int64_t steady_now_ns();

// The smallest positive difference between two readings: the clock's resolution or the cost of
// reading it, whichever is larger. StateError if the clock does not advance.
std::int64_t clock_step_ns(Clock clock);

// Now, in UTC: "2025-11-21T10:05:03+00:00" (ISO 8601; datetime.fromisoformat reads it).
std::string utc_timestamp();

}  // namespace tt::capstone
