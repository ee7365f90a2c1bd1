#include "tinytorch/kernels/gemm_f32/gemm.hpp"

#include <algorithm>

#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/gemm_f32/blocked.hpp"

namespace tt::kernels {
namespace {

void empty_sum(const Gemm& g) {
  for (std::int64_t i = 0; i < g.m; ++i) {
    float* c = g.c + i * g.c_row;
    if (!g.accumulate) std::fill(c, c + g.n, 0.0f);
    if (g.bias != nullptr) {
      for (std::int64_t j = 0; j < g.n; ++j) c[j] += g.bias[j];
    }
  }
}

// Bound by reading B: every thread gets long runs of columns, so that the hardware prefetches along
// the rows. Any cut gives the same bits, so that it may follow the number of threads.
void one_row(const Gemm& g, const GemmTable& kernels) {
  constexpr std::int64_t kChunkProducts = 1 << 15, kAlign = 64;
  const std::int64_t threads = num_threads();
  const std::int64_t worth = kChunkProducts / g.k, share = (g.n + threads - 1) / threads;
  const std::int64_t columns = std::max({worth, share, kAlign});
  parallel_for(
      g.n, (columns + kAlign - 1) / kAlign * kAlign, [&](std::int64_t begin, std::int64_t end) {
        kernels.row_times_matrix(g.k, end - begin, g.a, g.a_col, g.b + begin, g.b_row, g.c + begin,
                                 g.accumulate, g.bias == nullptr ? nullptr : g.bias + begin);
      });
}

// Ctrl-C is looked at between slices of whole blocks, so that the sums are those of one call.
void one_row_in_slices(const Gemm& g, const GemmTable& kernels) {
  constexpr std::int64_t kSliceProducts = std::int64_t{1} << 27;
  const std::int64_t blocks = std::max<std::int64_t>(1, kSliceProducts / kGemmDepth / g.n);
  const std::int64_t depth = blocks * kGemmDepth;
  for (std::int64_t p0 = 0; p0 < g.k; p0 += depth) {
    if (p0 > 0) stop_if_interrupted();
    Gemm slice = g;
    slice.k = std::min(depth, g.k - p0);
    slice.a += p0 * g.a_col;
    slice.b += p0 * g.b_row;
    slice.accumulate = g.accumulate || p0 > 0;
    if (p0 + slice.k < g.k) slice.bias = nullptr;
    one_row(slice, kernels);
  }
}

}  // namespace

void gemm_with(const Gemm& g, const GemmTable& kernels) {
  if (g.m <= 0 || g.n <= 0) return;
  if (g.k <= 0) return empty_sum(g);
  if (g.m == 1 && g.b_col == 1) return one_row_in_slices(g, kernels);
  gemm_blocked(g, kernels);
}

void gemm(const Gemm& g) {
  count_call(Family::gemm);
  gemm_with(g, active().gemm_f32);
}

}  // namespace tt::kernels
