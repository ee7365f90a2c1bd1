// The gradient of Winograd's convolution with respect to its weights. With V the transformed
// patches and M = A dy A^T the transformed gradients of the tiles, every position p has
//   dU_p (in x out) = V_p^T (in x tiles) M_p (tiles x out),   and   dg = G^T dU G.
#include <algorithm>

#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/conv_f32/winograd_tiles.hpp"
#include "tinytorch/kernels/scratch.hpp"

namespace tt::kernels {
namespace {

constexpr std::int64_t kCount = kWinogradCount;
constexpr std::int64_t kBlockFloats = 160 * 1024;  // of transformed tiles
constexpr std::int64_t kMostTiles = 128;
thread_local ScratchBuffer t_tiles, t_sums;

// A block's sums are added to in x out x 36 values: the more channels, the more tiles it must have.
std::int64_t block_of(const WinogradShape& s) {
  const std::int64_t channels = s.in + s.out, fit = kBlockFloats / (kCount * channels);
  const std::int64_t most = std::max(fit, std::min(kMostTiles, channels / 4));
  const std::int64_t blocks = (s.tiles() + most - 1) / most;
  return (s.tiles() + blocks - 1) / blocks;
}

// sums (in x out) (+)= V^T M for one position.
void multiply(const GemmTable& gemm, const WinogradShape& s, const float* v, const float* m,
              std::int64_t tiles, bool accumulate, float* sums) {
  GemmTile t{};
  t.k = tiles;
  t.a_row = 1, t.a_step = s.in;
  t.b_step = s.out, t.b_padded = false;
  t.c_row = s.out;
  t.accumulate = accumulate;
  for (std::int64_t j = 0; j < s.out; j += gemm.nr) {
    t.cols = static_cast<int>(std::min<std::int64_t>(gemm.nr, s.out - j));
    for (std::int64_t i = 0; i < s.in; i += gemm.mr) {
      t.rows = static_cast<int>(std::min<std::int64_t>(gemm.mr, s.in - i));
      t.a = v + i, t.b = m + j, t.c = sums + i * s.out + j;
      gemm.tile(t);
    }
  }
}

}  // namespace

template <class T>
void winograd_weights_grad(const WinogradKernels& k, const WinogradShape& s, const T* x,
                           const T* dy, float* taps) {
  const std::int64_t block = block_of(s), weights = s.in * s.out;
  const std::int64_t in_step = block * s.in + kPositionPad, out_step = block * s.out + kPositionPad;
  float* v = t_tiles.reserve<float>(kCount * (in_step + out_step));
  float* m = v + kCount * in_step;
  float* sums = t_sums.reserve<float>(kCount * weights);
  for (std::int64_t first = 0; first < s.tiles(); first += block) {
    throw_if_interrupted();
    const std::int64_t count = std::min(block, s.tiles() - first);
    parallel_for(count, grain_for(1 << 15, kCount * (s.in + s.out)),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t t = begin; t < end; ++t) {
                     prefetch_ahead(x, s.in_values(), s, first + t);
                     prefetch_ahead(dy, s.out_values(), s, first + t);
                     transform_patch(k.parts, s, x, first + t, v + t * s.in, in_step);
                     transform_grad(k.parts, s, dy, first + t, m + t * s.out, out_step);
                   }
                 });
    parallel_for(kCount, grain_for(1 << 18, count * weights),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t p = begin; p < end; ++p) {
                     multiply(k.gemm, s, v + p * in_step, m + p * out_step, count, first > 0,
                              sums + p * weights);
                   }
                 });
  }
  parallel_for(s.in, grain_for(1 << 14, kCount * s.out), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t c = begin; c < end; ++c) {
      k.parts.winograd_weights_grad({sums + c * s.out, weights, s.out, taps + c * s.out, weights});
    }
  });
}

template void winograd_weights_grad(const WinogradKernels&, const WinogradShape&, const float*,
                                    const float*, float*);
template void winograd_weights_grad(const WinogradKernels&, const WinogradShape&,
                                    const std::uint16_t*, const std::uint16_t*, float*);

}  // namespace tt::kernels
