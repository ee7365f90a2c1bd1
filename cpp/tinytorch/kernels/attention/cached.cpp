#include "tinytorch/kernels/attention/cached.hpp"

#include <algorithm>

namespace tt::kernels {
namespace {

constexpr std::int64_t kTilesTogether = 4;  // of rows, for which a block of the cache is read once

std::int64_t round_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

// Some rows of scores against the cache.
struct Attention {
  const Table& kernels;
  const CachedHead& head;
  std::int64_t rows, length, line;
  float *scores, *widened;

  // `count` elements of the cache from `at` on, as floats: where they lie, or in `widened`.
  const float* read(const std::byte* cache, std::int64_t at, std::int64_t count) const {
    if (head.format == CacheFormat::f32) return reinterpret_cast<const float*>(cache) + at;
    kernels.half.widen(reinterpret_cast<const std::uint16_t*>(cache) + at, widened,
                       static_cast<std::size_t>(count));
    return widened;
  }
  void score(const float* q, std::int64_t q_row) const;
  void normalize(std::int64_t first) const;
  void mix(float* out, std::int64_t out_row) const;
};

// scores[row, t] = q[row] K[t], whole blocks of keys at a time.
void Attention::score(const float* q, std::int64_t q_row) const {
  const GemmTable& gemm = kernels.gemm_f32;
  GemmTile t{};
  t.k = head.size;
  t.a_row = q_row, t.a_step = 1;
  t.b_step = gemm.nr, t.b_padded = true;
  t.c_row = line;
  for (std::int64_t j = 0; j < length; j += gemm.nr) {
    t.b = read(head.keys, j * head.size, gemm.nr * head.size);
    t.cols = static_cast<int>(std::min<std::int64_t>(gemm.nr, length - j));
    for (std::int64_t r = 0; r < rows; r += gemm.mr) {
      t.rows = static_cast<int>(std::min<std::int64_t>(gemm.mr, rows - r));
      t.a = q + r * q_row;
      t.c = scores + r * line + j;
      gemm.tile(t);
    }
  }
}

// The last of `rows` sees all positions, each one before it one less.
void Attention::normalize(std::int64_t first) const {
  for (std::int64_t r = 0; r < rows; ++r) {
    float* row = scores + r * line;
    kernels.softmax.softmax(row, row, static_cast<std::size_t>(first + r));
    std::fill(row + first + r, row + length, 0.0f);  // a zero weight leaves the sums as they are
  }
}

// out[row] = scores[row] V.
void Attention::mix(float* out, std::int64_t out_row) const {
  const GemmTable& gemm = kernels.gemm_f32;
  GemmTile t{};
  t.a_row = line, t.a_step = 1;
  t.b_step = head.size, t.b_padded = false;
  t.c_row = out_row;
  for (std::int64_t p = 0; p < length; p += kValuePass) {
    t.k = std::min(kValuePass, length - p);
    t.accumulate = p > 0;
    const float* values = read(head.values, p * head.size, t.k * head.size);
    for (std::int64_t j = 0; j < head.size; j += gemm.nr) {
      t.b = values + j;
      t.cols = static_cast<int>(std::min<std::int64_t>(gemm.nr, head.size - j));
      for (std::int64_t r = 0; r < rows; r += gemm.mr) {
        t.rows = static_cast<int>(std::min<std::int64_t>(gemm.mr, rows - r));
        t.a = scores + r * line + p;
        t.c = out + r * out_row + j;
        gemm.tile(t);
      }
    }
  }
}

}  // namespace

std::int64_t cached_key_count(const GemmTable& gemm, std::int64_t capacity, std::int64_t size) {
  return round_up(capacity, gemm.nr) * size;
}

void store_position(const Table& kernels, const CachedHead& head, std::int64_t position,
                    const float* key, const float* value) {
  const std::int64_t nr = kernels.gemm_f32.nr, size = head.size;
  const std::int64_t key_at = position / nr * nr * size + position % nr;
  auto* keys = const_cast<std::byte*>(head.keys);
  auto* values = const_cast<std::byte*>(head.values);
  if (head.format == CacheFormat::f32) {
    float* to = reinterpret_cast<float*>(keys) + key_at;
    for (std::int64_t d = 0; d < size; ++d) to[d * nr] = key[d];
    std::copy_n(value, size, reinterpret_cast<float*>(values) + position * size);
    return;
  }
  auto* to = reinterpret_cast<std::uint16_t*>(keys) + key_at;
  constexpr std::int64_t kPart = 64;
  std::uint16_t part[kPart];
  for (std::int64_t d0 = 0; d0 < size; d0 += kPart) {
    const std::int64_t count = std::min(kPart, size - d0);
    kernels.half.narrow(key + d0, part, static_cast<std::size_t>(count));
    for (std::int64_t d = 0; d < count; ++d) to[(d0 + d) * nr] = part[d];
  }
  kernels.half.narrow(value, reinterpret_cast<std::uint16_t*>(values) + position * size,
                      static_cast<std::size_t>(size));
}

std::int64_t rows_together(const GemmTable& gemm) { return kTilesTogether * gemm.mr; }

std::int64_t scratch_floats(const GemmTable& gemm, std::int64_t positions, std::int64_t size) {
  const std::int64_t widened = std::max<std::int64_t>(gemm.nr, kValuePass) * size;
  return rows_together(gemm) * round_up(positions, 16) + round_up(widened, 16);
}

void attend_rows(const Table& kernels, const CachedHead& head, const NewPositions& p,
                 std::int64_t i, float* scratch) {
  const std::int64_t rows = std::min(rows_together(kernels.gemm_f32), p.rows - i);
  const std::int64_t length = p.first + i + rows, line = round_up(length, 16);
  const Attention a{kernels, head, rows, length, line, scratch, scratch + rows * line};
  a.score(p.q + i * p.q_row, p.q_row);
  a.normalize(p.first + i + 1);
  a.mix(p.out + i * p.out_row, p.out_row);
}

}  // namespace tt::kernels
