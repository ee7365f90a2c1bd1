#include "tinytorch/kernels/attention/cached.hpp"

#include <algorithm>

#include "tinytorch/kernels/gemm_s8/packed_s8.hpp"

namespace tt::kernels {
namespace {

constexpr std::int64_t kTilesTogether = 4;  // of rows, for which a block of the cache is read once

std::int64_t round_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

// Rows of queries, or of results, that the tiles can take: `sets` times `rows` rows.
template <class T>
struct RowSets {
  T* at;
  std::int64_t set, row;  // from one to the next
};

// Some rows of scores against the cache: of each query head its positions, one after the other.
struct Attention {
  const Table& kernels;
  const CachedHead& head;
  std::int64_t positions, heads;
  std::int64_t length, line;  // of scores
  float *scores, *widened;
  const std::byte* next_keys;

  // Tiles take rows an equal distance apart: the positions of a head, or the heads of a position.
  std::int64_t sets() const { return positions == 1 ? 1 : heads; }
  std::int64_t rows() const { return positions == 1 ? heads : positions; }
  template <class T>
  RowSets<T> row_sets(T* at, std::int64_t position_row) const {
    return {at, head.size, positions == 1 ? head.size : position_row};
  }
  // fn(row of scores, row of `other`, rows) for all rows, as many together as a tile takes.
  template <class T, class Fn>
  void for_tiles(const RowSets<T>& other, Fn&& fn) const {
    const std::int64_t mr = kernels.gemm_f32.mr;
    for (std::int64_t s = 0; s < sets(); ++s) {
      for (std::int64_t r = 0; r < rows(); r += mr) {
        fn(scores + (s * rows() + r) * line, other.at + s * other.set + r * other.row,
           static_cast<int>(std::min(mr, rows() - r)));
      }
    }
  }

  // Asks for what is read next, `count` elements, while this part is in work: blocks are short, and
  // the hardware notices too late.
  void fetch(const std::byte* at, std::int64_t count) const {
    if (at == nullptr) return;
    constexpr std::int64_t kLine = 64;
    const std::int64_t bytes = count * size_of(head.format);
    for (std::int64_t i = 0; i < bytes; i += 4 * kLine) {
      __builtin_prefetch(at + i, 0, 2);
      __builtin_prefetch(at + i + kLine, 0, 2);
      __builtin_prefetch(at + i + 2 * kLine, 0, 2);
      __builtin_prefetch(at + i + 3 * kLine, 0, 2);
    }
  }
  const std::byte* place(const std::byte* cache, std::int64_t at) const {
    return cache + at * size_of(head.format);
  }
  // `count` elements of the cache from `at` on, as floats: where they lie, or in `widened`.
  const float* read(const std::byte* cache, std::int64_t at, std::int64_t count) const {
    if (head.format == CacheFormat::f32) return reinterpret_cast<const float*>(cache) + at;
    const auto n = static_cast<std::size_t>(count);
    if (head.format == CacheFormat::f16) {
      kernels.half.widen(reinterpret_cast<const std::uint16_t*>(cache) + at, widened, n);
    } else {
      kernels.half.widen_s8(reinterpret_cast<const std::int8_t*>(cache) + at, widened, n);
    }
    return widened;
  }
  // The first `count` of a row of scores by the positions' scales, if they have any.
  void scale(float* row, const float* scales, std::int64_t count) const {
    if (scales == nullptr) return;
    const auto times = kernels.binary.arithmetic[static_cast<int>(Binary::mul)];
    times(row, 1, scales, 1, row, static_cast<std::size_t>(count));
  }
  bool single_row() const { return heads * positions == 1; }
  void score(const RowSets<const float>& q) const;
  void score_keys(const RowSets<const float>& q, std::int64_t j, std::int64_t count) const;
  void normalize(std::int64_t first) const;
  void mix(const RowSets<float>& out) const;
  void mix_values(const RowSets<float>& out, std::int64_t p, std::int64_t count) const;
};

// scores[row, t] = q[row] K[t], whole blocks of keys at a time; of several side by side a single
// row makes more sums at once.
void Attention::score(const RowSets<const float>& q) const {
  const std::int64_t nr = kernels.gemm_f32.nr;
  const std::int64_t keys = single_row() ? std::max(nr, kValuePass / nr * nr) : nr;
  for (std::int64_t j = 0; j < length; j += keys) {
    if (const std::int64_t next = j + keys; next < length) {
      fetch(place(head.keys, next * head.size), std::min(keys, length - next) * head.size);
    } else {
      fetch(head.values, std::min(kValuePass, length) * head.size);
    }
    score_keys(q, j, std::min(keys, length - j));
  }
}

void Attention::score_keys(const RowSets<const float>& q, std::int64_t j,
                           std::int64_t count) const {
  const GemmTable& gemm = kernels.gemm_f32;
  const float* keys = read(head.keys, j * head.size, round_up(count, gemm.nr) * head.size);
  if (single_row()) {
    return gemm.row_times_panels({head.size, q.at, keys, count, scores + j, false, nullptr});
  }
  GemmTile t{};
  t.k = head.size;
  t.a_row = q.row, t.a_step = 1;
  t.b = keys, t.b_step = gemm.nr, t.b_padded = true;
  t.c_row = line;
  t.cols = static_cast<int>(count);
  for_tiles(q, [&](float* row, const float* from, int rows) {
    t.rows = rows;
    t.a = from;
    t.c = row + j;
    gemm.tile(t);
  });
}

// The last position sees all, each one before it one less; the first one sees `first`.
void Attention::normalize(std::int64_t first) const {
  for (std::int64_t r = 0; r < heads * positions; ++r) {
    float* row = scores + r * line;
    const std::int64_t seen = first + r % positions;
    scale(row, head.key_scales, seen);
    kernels.softmax.softmax(row, row, static_cast<std::size_t>(seen));
    scale(row, head.value_scales, seen);
    std::fill(row + seen, row + length, 0.0f);  // a zero weight leaves the sums as they are
  }
}

// out[row] = scores[row] V.
void Attention::mix(const RowSets<float>& out) const {
  for (std::int64_t p = 0; p < length; p += kValuePass) {
    const std::int64_t count = std::min(kValuePass, length - p);
    if (const std::int64_t next = p + count; next < length) {
      fetch(place(head.values, next * head.size), std::min(kValuePass, length - next) * head.size);
    } else {
      fetch(next_keys, std::min(kValuePass, length) * head.size);
    }
    mix_values(out, p, count);
  }
}

void Attention::mix_values(const RowSets<float>& out, std::int64_t p, std::int64_t count) const {
  const GemmTable& gemm = kernels.gemm_f32;
  const float* values = read(head.values, p * head.size, count * head.size);
  if (single_row()) {
    return gemm.row_times_matrix(count, head.size, scores + p, 1, values, head.size, out.at, p > 0,
                                 nullptr);
  }
  GemmTile t{};
  t.k = count;
  t.a_row = line, t.a_step = 1;
  t.b_step = head.size, t.b_padded = false;
  t.c_row = out.row;
  t.accumulate = p > 0;
  for (std::int64_t j = 0; j < head.size; j += gemm.nr) {
    t.b = values + j;
    t.cols = static_cast<int>(std::min<std::int64_t>(gemm.nr, head.size - j));
    for_tiles(out, [&](float* row, float* to, int rows) {
      t.rows = rows;
      t.a = row + p;
      t.c = to + j;
      gemm.tile(t);
    });
  }
}

}  // namespace

std::int64_t cached_key_count(const GemmTable& gemm, std::int64_t capacity, std::int64_t size) {
  return round_up(capacity, gemm.nr) * size;
}

namespace {

constexpr std::int64_t kPart = 64;  // codes on their way into a block of keys

template <class Code, class Narrow>
void spread(const float* key, std::int64_t size, std::int64_t nr, Code* to, Narrow&& narrow) {
  Code part[kPart];
  for (std::int64_t d0 = 0; d0 < size; d0 += kPart) {
    const std::int64_t count = std::min(kPart, size - d0);
    narrow(key + d0, part, static_cast<std::size_t>(count));
    for (std::int64_t d = 0; d < count; ++d) to[(d0 + d) * nr] = part[d];
  }
}

// Calls narrow(x, codes, n) with the scale of all `size` values, which it returns.
struct ScaledCodes {
  const Table& kernels;
  std::uint32_t most;
  ScaledCodes(const Table& t, const float* x, std::int64_t size)
      : kernels(t), most(t.gemm_s8.abs_max_bits(x, static_cast<std::size_t>(size))) {}
  float scale() const { return s8_scale(most); }
  void operator()(const float* x, std::int8_t* codes, std::size_t n) const {
    kernels.half.narrow_s8(x, codes, n, s8_inverse_scale(most));
  }
};

}  // namespace

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
  } else if (head.format == CacheFormat::f16) {
    spread(key, size, nr, reinterpret_cast<std::uint16_t*>(keys) + key_at, kernels.half.narrow);
    kernels.half.narrow(value, reinterpret_cast<std::uint16_t*>(values) + position * size,
                        static_cast<std::size_t>(size));
  } else {
    const ScaledCodes key_codes(kernels, key, size), value_codes(kernels, value, size);
    const_cast<float*>(head.key_scales)[position] = key_codes.scale();
    const_cast<float*>(head.value_scales)[position] = value_codes.scale();
    spread(key, size, nr, reinterpret_cast<std::int8_t*>(keys) + key_at, key_codes);
    value_codes(value, reinterpret_cast<std::int8_t*>(values) + position * size,
                static_cast<std::size_t>(size));
  }
}

std::int64_t positions_together(const GemmTable& gemm, std::int64_t heads) {
  return std::max<std::int64_t>(1, kTilesTogether * gemm.mr / heads);
}

std::int64_t scratch_floats(const GemmTable& gemm, std::int64_t positions, std::int64_t size,
                            std::int64_t heads) {
  const std::int64_t widened = std::max<std::int64_t>(gemm.nr, kValuePass) * size;
  return heads * positions_together(gemm, heads) * round_up(positions, 16) + round_up(widened, 16);
}

void attend_block(const Table& kernels, const CachedHead& head, const NewPositions& p,
                  std::int64_t i, float* scratch) {
  const std::int64_t count = std::min(positions_together(kernels.gemm_f32, p.heads), p.count - i);
  const std::int64_t length = p.first + i + count, line = round_up(length, 16);
  const Attention a{kernels,    head, count,   p.heads,
                    length,     line, scratch, scratch + p.heads * count * line,
                    p.next_keys};
  a.score(a.row_sets(p.q + i * p.q_row, p.q_row));
  a.normalize(p.first + i + 1);
  a.mix(a.row_sets(p.out + i * p.out_row, p.out_row));
}

}  // namespace tt::kernels
