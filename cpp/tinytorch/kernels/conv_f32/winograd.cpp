#include "tinytorch/kernels/conv_f32/winograd.hpp"

#include <algorithm>

#include "tinytorch/kernels/conv_f32/winograd_products.hpp"
#include "tinytorch/kernels/conv_f32/winograd_tiles.hpp"

namespace tt::kernels {
namespace {

constexpr std::int64_t kTile = kWinogradTile, kCount = kWinogradCount;
constexpr std::int64_t kBlockFloats = 160 * 1024;  // of transformed tiles

template <class T>
void put(const ConvF32Table& parts, const WinogradCall<T>& c, const TilePlace& at,
         const float* sums, std::int64_t step) {
  const WinogradShape& s = c.shape;
  const std::int64_t out_height = s.out_height(), out_width = s.out_width();
  WinogradOutput<T> w;
  w.sums = sums, w.step = step, w.channels = s.out, w.bias = c.bias;
  w.rows = static_cast<int>(std::min(kTile, out_height - at.y));
  w.cols = static_cast<int>(std::min(kTile, out_width - at.x));
  w.relu = c.relu, w.pool = c.pool;
  if (c.residual != nullptr) {
    w.residual_row = out_width * s.out;
    w.residual = c.residual + ((at.image * out_height + at.y) * out_width + at.x) * s.out;
  }
  const std::int64_t shrink = c.pool ? 2 : 1, height = out_height / shrink,
                     width = out_width / shrink;
  w.out_row = width * s.out;
  w.out = c.y + ((at.image * height + at.y / shrink) * width + at.x / shrink) * s.out;
  parts.winograd_images<T>().output(w);
}

// With transformed values of U.
template <class U, class T>
void tiles_by(const WinogradKernels& k, const WinogradCall<T>& c, std::int64_t first,
              std::int64_t last, float* work) {
  const WinogradShape& s = c.shape;
  const std::int64_t count = last - first;
  const std::int64_t in_step = count * s.in + kPositionPad<U>;
  const std::int64_t out_step = count * s.out + kPositionPad<float>;
  float* sums = work;
  U* moved = reinterpret_cast<U*>(sums + kCount * out_step);
  for (std::int64_t t = 0; t < count; ++t) {
    prefetch_ahead(c.x, s.in_values(), s, first + t);
    transform_patch(k.parts, s, c.x, first + t, moved + t * s.in, in_step);
  }
  const std::int64_t position = winograd_position_bytes(k, s.in, s.out);
  for (std::int64_t p = 0; p < kCount; ++p) {
    winograd_product(k, s, c.weights + p * position, moved + p * in_step, count,
                     sums + p * out_step);
  }
  for (std::int64_t t = 0; t < count; ++t) {
    prefetch_ahead(c.y, s.out_values() / (c.pool ? 4 : 1), s, first + t);
    put(k.parts, c, tile_place(s, first + t), sums + t * s.out, out_step);
  }
}

}  // namespace

std::int64_t winograd_packed_bytes(const WinogradKernels& k, std::int64_t in, std::int64_t out) {
  return kCount * winograd_position_bytes(k, in, out);
}

std::int64_t winograd_block(const WinogradKernels& k, const WinogradShape& s) {
  const std::int64_t in = k.gemm_bf16 != nullptr ? s.in / 2 : s.in;
  const std::int64_t fit = kBlockFloats / (kCount * (in + s.out));
  // Weights that the second cache does not keep are fetched again for every block.
  const bool far = winograd_packed_bytes(k, s.in, s.out) > 4 * kBlockFloats;
  const std::int64_t mr = k.gemm_bf16 != nullptr ? k.gemm_bf16->shape.mr : k.gemm.mr;
  return std::clamp<std::int64_t>(fit, far ? 56 : 28, 56) / mr * mr;
}

std::int64_t winograd_workspace(std::int64_t tiles, const WinogradShape& s) {
  return kCount * (tiles * (s.in + s.out) + 2 * kPositionPad<float>);
}

template <class T>
void winograd_tiles(const WinogradKernels& k, const WinogradCall<T>& c, std::int64_t first,
                    std::int64_t last, float* work) {
  k.gemm_bf16 != nullptr ? tiles_by<std::uint16_t>(k, c, first, last, work)
                         : tiles_by<float>(k, c, first, last, work);
}

template void winograd_tiles(const WinogradKernels&, const WinogradCall<float>&, std::int64_t,
                             std::int64_t, float*);
template void winograd_tiles(const WinogradKernels&, const WinogradCall<std::uint16_t>&,
                             std::int64_t, std::int64_t, float*);

}  // namespace tt::kernels
