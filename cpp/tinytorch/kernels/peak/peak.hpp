// What the machine can do at most, for rooflines: multiply-adds that wait for nothing, and memory
// that is read or copied with nothing else to do.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tt::kernels {

struct PeakTable {
  // `rounds` rounds of multiply-adds 1 * 1 on independent sums in registers, with the instructions
  // that the products of this format use. Returns how many there were: the total of the sums.
  // rounds <= kPeakRounds, up to which float sums count exactly.
  double (*f32)(std::int64_t rounds);
  double (*bf16)(std::int64_t rounds);
  double (*int8)(std::int64_t rounds);
  float (*read)(const float* x, std::size_t n);           // sum of x
  void (*copy)(const float* x, float* y, std::size_t n);  // past the caches
};

inline constexpr std::int64_t kPeakRounds = 1 << 14;

enum class PeakFormat { f32, bf16, int8 };

// The same over all threads, by the kernels of active(). Ctrl-C is looked at between pieces.
double count_multiply_adds(PeakFormat format, std::int64_t pieces);  // of kPeakRounds
// x holds `parts` parts of n floats; each is read `passes` times by one thread. Returns the sum of
// all that was read.
double read_parts(const float* x, std::int64_t parts, std::int64_t n, std::int64_t passes);
void copy_parts(const float* x, float* y, std::int64_t parts, std::int64_t n, std::int64_t passes);

}  // namespace tt::kernels
