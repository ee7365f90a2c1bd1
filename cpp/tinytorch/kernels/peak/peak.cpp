#include "tinytorch/kernels/peak/peak.hpp"

#include <algorithm>
#include <vector>

#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/streaming.hpp"

namespace tt::kernels {
namespace {

// Passes between two looks at Ctrl-C: some milliseconds' worth.
std::int64_t passes_at_once(std::int64_t n) {
  return std::max<std::int64_t>(1, (std::int64_t{1} << 22) / std::max<std::int64_t>(n, 1));
}

template <class Pass>
void over_parts(std::int64_t parts, std::int64_t n, std::int64_t passes, Pass pass) {
  parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = begin; part < end; ++part) {
      for (std::int64_t p = 0; p < passes; ++p) {
        if (p % passes_at_once(n) == 0) stop_if_interrupted();
        pass(part);
      }
    }
  });
}

}  // namespace

double count_multiply_adds(PeakFormat format, std::int64_t pieces) {
  const PeakTable& t = active().peak;
  const auto kernel = format == PeakFormat::f32    ? t.f32
                      : format == PeakFormat::bf16 ? t.bf16
                                                   : t.int8;
  std::vector<double> counts(static_cast<std::size_t>(pieces));
  parallel_for(pieces, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      counts[static_cast<std::size_t>(i)] = kernel(kPeakRounds);
    }
  });
  double total = 0;
  for (const double c : counts) total += c;
  return total;
}

double read_parts(const float* x, std::int64_t parts, std::int64_t n, std::int64_t passes) {
  const PeakTable& t = active().peak;
  std::vector<double> sums(static_cast<std::size_t>(parts));
  over_parts(parts, n, passes, [&](std::int64_t part) {
    sums[static_cast<std::size_t>(part)] +=
        static_cast<double>(t.read(x + part * n, static_cast<std::size_t>(n)));
  });
  double total = 0;
  for (const double s : sums) total += s;
  return total;
}

void copy_parts(const float* x, float* y, std::int64_t parts, std::int64_t n, std::int64_t passes) {
  const PeakTable& t = active().peak;
  over_parts(parts, n, passes, [&](std::int64_t part) {
    t.copy(x + part * n, y + part * n, static_cast<std::size_t>(n));
    finish_streamed();
  });
}

}  // namespace tt::kernels
