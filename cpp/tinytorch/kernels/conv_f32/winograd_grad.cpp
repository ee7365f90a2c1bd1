// The gradient of Winograd's convolution with respect to its weights. With V the transformed
// patches and M = A dy A^T the transformed gradients of the tiles, every position p has
//   dU_p (in x out) = V_p^T (in x tiles) M_p (tiles x out),   and   dg = G^T dU G.
#include <algorithm>

#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/conv_f32/winograd_products.hpp"
#include "tinytorch/kernels/conv_f32/winograd_tiles.hpp"
#include "tinytorch/kernels/scratch.hpp"

namespace tt::kernels {
namespace {

constexpr std::int64_t kCount = kWinogradCount;
// Of transformed tiles: of a block that threads share, and of one that a thread has beside its
// sums.
constexpr std::int64_t kSharedFloats = 160 * 1024, kOwnFloats = 96 * 1024;
constexpr std::int64_t kMostTiles = 128;
constexpr std::int64_t kTilesPerPart = 512, kFewParts = 4, kMostParts = 16;
constexpr std::int64_t kPartFloats = std::int64_t{1} << 22;  // of all parts' sums
thread_local ScratchBuffer t_tiles, t_sums;

// A block's sums are added to in x out x 36 values: the more channels, the more tiles it must have.
std::int64_t block_of(const WinogradShape& s, std::int64_t tiles, std::int64_t floats) {
  const std::int64_t channels = s.in + s.out, fit = floats / (kCount * channels);
  const std::int64_t most = std::max(fit, std::min(kMostTiles, channels / 4));
  const std::int64_t blocks = (tiles + most - 1) / most;
  return (tiles + blocks - 1) / blocks;
}

// Parts of the batch with sums of their own, which threads take without waiting for each other:
// many tiles of few channels. 1 where the sums of several would take longer than they spare.
std::int64_t parts_of(const WinogradShape& s) {
  const std::int64_t fit = kPartFloats / (kCount * s.in * s.out);
  const std::int64_t parts = std::min({fit, s.tiles() / kTilesPerPart, kMostParts});
  return parts < kFewParts ? 1 : parts;
}

// The transforms V and M of a block of tiles, position by position, as values of U.
template <class U, class T>
struct Transformed {
  const WinogradKernels& k;
  const WinogradShape& s;
  const T *x, *dy;
  std::int64_t in_step, out_step;
  U *v, *m;

  Transformed(const WinogradKernels& kernels, const WinogradShape& shape, const T* images,
              const T* grads, std::int64_t block)
      : k(kernels), s(shape), x(images), dy(grads) {
    in_step = block * s.in + kPositionPad<U>, out_step = block * s.out + kPositionPad<U>;
    v = t_tiles.reserve<U>(kCount * (in_step + out_step));
    m = v + kCount * in_step;
  }
  // Tile `tile` of the batch as the block's `at`-th.
  void fill(std::int64_t tile, std::int64_t at) const {
    prefetch_ahead(x, s.in_values(), s, tile);
    prefetch_ahead(dy, s.out_values(), s, tile);
    transform_patch(k.parts, s, x, tile, v + at * s.in, in_step);
    transform_grad(k.parts, s, dy, tile, m + at * s.out, out_step);
  }
  void add_up(std::int64_t position, std::int64_t tiles, bool accumulate, float* sums) const {
    winograd_grad_product(k, s, v + position * in_step, m + position * out_step, tiles, accumulate,
                          sums + position * s.in * s.out);
  }
};

// sums (36 x in x out) of all tiles, whose blocks all threads work on together.
template <class U, class T>
void together(const WinogradKernels& k, const WinogradShape& s, const T* x, const T* dy,
              float* sums) {
  const std::int64_t block = block_of(s, s.tiles(), kSharedFloats * (4 / sizeof(U)));
  const Transformed<U, T> tiles(k, s, x, dy, block);
  for (std::int64_t first = 0; first < s.tiles(); first += block) {
    throw_if_interrupted();
    const std::int64_t count = std::min(block, s.tiles() - first);
    parallel_for(count, grain_for(1 << 15, kCount * (s.in + s.out)),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t t = begin; t < end; ++t) tiles.fill(first + t, t);
                 });
    parallel_for(kCount, grain_for(1 << 18, count * s.in * s.out),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t p = begin; p < end; ++p) {
                     tiles.add_up(p, count, first > 0, sums);
                   }
                 });
  }
}

// sums of tiles [from, to), on this thread.
template <class U, class T>
void part_of(const WinogradKernels& k, const WinogradShape& s, const T* x, const T* dy,
             std::int64_t from, std::int64_t to, float* sums) {
  const std::int64_t block = block_of(s, to - from, kOwnFloats * (4 / sizeof(U)));
  const Transformed<U, T> tiles(k, s, x, dy, block);
  for (std::int64_t first = from; first < to; first += block) {
    throw_if_interrupted();
    const std::int64_t count = std::min(block, to - first);
    for (std::int64_t t = 0; t < count; ++t) tiles.fill(first + t, t);
    for (std::int64_t p = 0; p < kCount; ++p) tiles.add_up(p, count, first > from, sums);
  }
}

// sums of all tiles, by `parts` with their own, which are then joined in order into the first.
template <class U, class T>
void in_parts(const WinogradKernels& k, const WinogradShape& s, const T* x, const T* dy,
              std::int64_t parts, float* sums) {
  const std::int64_t size = kCount * s.in * s.out;
  parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      part_of<U>(k, s, x, dy, s.tiles() * i / parts, s.tiles() * (i + 1) / parts, sums + i * size);
    }
  });
  parallel_for(size, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = 1; i < parts; ++i) {
      for (std::int64_t j = begin; j < end; ++j) sums[j] += sums[i * size + j];
    }
  });
}

// sums of all tiles, with transforms of U.
template <class U, class T>
void add_up_all(const WinogradKernels& k, const WinogradShape& s, const T* x, const T* dy,
                std::int64_t parts, float* sums) {
  parts == 1 ? together<U>(k, s, x, dy, sums) : in_parts<U>(k, s, x, dy, parts, sums);
}

}  // namespace

template <class T>
void winograd_weights_grad(const WinogradKernels& k, const WinogradShape& s, const T* x,
                           const T* dy, float* taps) {
  const std::int64_t parts = parts_of(s), weights = s.in * s.out;
  float* sums = t_sums.reserve<float>(parts * kCount * weights);
  k.gemm_bf16 != nullptr ? add_up_all<std::uint16_t>(k, s, x, dy, parts, sums)
                         : add_up_all<float>(k, s, x, dy, parts, sums);
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
