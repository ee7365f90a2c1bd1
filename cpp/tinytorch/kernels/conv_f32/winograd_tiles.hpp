// Winograd's tiles of a batch, one by one: for winograd.cpp and winograd_grad.cpp.
#pragma once
#include <algorithm>

#include "tinytorch/kernels/conv_f32/winograd.hpp"

namespace tt::kernels {

// Values between the positions of transformed tiles, so that they do not share cache sets.
template <class U>
inline constexpr std::int64_t kPositionPad = 64 / sizeof(U);

struct TilePlace {
  std::int64_t image, y, x;  // of the tile's first result
};
inline TilePlace tile_place(const WinogradShape& s, std::int64_t tile) {
  const std::int64_t across = s.across(), in_image = tile % (s.down() * across);
  return {tile / (s.down() * across), in_image / across * kWinogradTile,
          in_image % across * kWinogradTile};
}

// Asks memory for what a tile's successors need of an array that tiles go through in order, all of
// it in equal parts: far enough ahead to arrive, and along the array as it lies. The processor does
// not foresee the short rows of tiles, and asked for those just before they are needed it waits.
// (Inline, because GCC removes calls of a function that does nothing but prefetch.)
template <class T>
[[gnu::always_inline]] inline void prefetch_ahead(const T* array, std::int64_t size,
                                                  const WinogradShape& s, std::int64_t tile) {
  constexpr std::int64_t kAhead = 24 * 1024 / sizeof(T), kLine = 64 / sizeof(T);
  const std::int64_t part = size / s.tiles(), first = tile * part + kAhead;
  const std::int64_t last = std::min(first + part, size);
  for (std::int64_t i = first; i < last; i += kLine) __builtin_prefetch(array + i, 0, 2);
}

template <class T, class U>
void transform_patch(const ConvF32Table& parts, const WinogradShape& s, const T* x,
                     std::int64_t tile, U* out, std::int64_t step) {
  const TilePlace at = tile_place(s, tile);
  const WinogradInput<T, U> w{x + at.image * s.height * s.width * s.in,
                              s.height,
                              s.width,
                              s.in,
                              at.y - s.pad,
                              at.x - s.pad,
                              out,
                              step};
  const WinogradImages<T>& images = parts.winograd_images<T>();
  if constexpr (std::is_same_v<U, float>) {
    images.input(w);
  } else {
    images.input_to_codes(w);
  }
}

template <class T, class U>
void transform_grad(const ConvF32Table& parts, const WinogradShape& s, const T* dy,
                    std::int64_t tile, U* out, std::int64_t step) {
  const TilePlace at = tile_place(s, tile);
  const std::int64_t height = s.out_height(), width = s.out_width();
  WinogradOutputGrad<T, U> w;
  w.grad = dy + ((at.image * height + at.y) * width + at.x) * s.out;
  w.row = width * s.out, w.channels = s.out;
  w.rows = static_cast<int>(std::min<std::int64_t>(kWinogradTile, height - at.y));
  w.cols = static_cast<int>(std::min<std::int64_t>(kWinogradTile, width - at.x));
  w.out = out, w.step = step;
  const WinogradImages<T>& images = parts.winograd_images<T>();
  if constexpr (std::is_same_v<U, float>) {
    images.output_grad(w);
  } else {
    images.output_grad_to_codes(w);
  }
}

}  // namespace tt::kernels
