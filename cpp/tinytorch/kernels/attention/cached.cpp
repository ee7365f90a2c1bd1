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

// Some rows of scores against one head of the cache: of each query head its positions, one after
// the other.
struct Attention {
  const Table& kernels;
  const CachedHeads& heads;
  std::int64_t head;  // of `heads`
  std::int64_t positions, sharing;
  std::int64_t length, line;  // of scores
  float *scores, *widened;

  // Tiles take rows an equal distance apart: the positions of a head, or the heads of a position.
  std::int64_t sets() const { return positions == 1 ? 1 : sharing; }
  std::int64_t rows() const { return positions == 1 ? sharing : positions; }
  template <class T>
  RowSets<T> row_sets(T* at, std::int64_t position_row) const {
    T* first = at + head * sharing * heads.size;
    return {first, heads.size, positions == 1 ? heads.size : position_row};
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

  // `count` elements of this head's part of a block, as floats: where they lie, or in `widened`.
  const float* read(const std::byte* cache, std::int64_t block, std::int64_t count) const {
    const std::int64_t part = cache_block(kernels.gemm_f32) * heads.size;
    const std::byte* at = cache + (block * heads.step + head * part) * size_of(heads.format);
    if (heads.format == CacheFormat::f32) return reinterpret_cast<const float*>(at);
    const auto n = static_cast<std::size_t>(count);
    if (heads.format == CacheFormat::f16) {
      kernels.half.widen(reinterpret_cast<const std::uint16_t*>(at), widened, n);
    } else {
      kernels.half.widen_s8(reinterpret_cast<const std::int8_t*>(at), widened, n);
    }
    return widened;
  }
  // The first `count` of a row of scores by the positions' scales, if they have any.
  void scale(float* row, const float* scales, std::int64_t count) const {
    if (scales == nullptr) return;
    const auto times = kernels.binary.arithmetic[static_cast<int>(Binary::mul)];
    times(row, 1, scales + head * heads.scales, 1, row, static_cast<std::size_t>(count));
  }
  bool single_row() const { return sharing * positions == 1; }
  void score(const RowSets<const float>& q, std::int64_t block) const;
  void normalize(std::int64_t first) const;
  void mix(const RowSets<float>& out, std::int64_t block) const;
};

// scores[row, t] = q[row] K[t] for the positions t of a block.
void Attention::score(const RowSets<const float>& q, std::int64_t block) const {
  const GemmTable& gemm = kernels.gemm_f32;
  const std::int64_t size = heads.size, nr = gemm.nr, first = block * cache_block(gemm);
  const std::int64_t count = std::min(cache_block(gemm), length - first);
  const float* keys = read(heads.keys, block, round_up(count, nr) * size);
  if (single_row()) {
    return gemm.row_times_panels({size, q.at, keys, count, scores + first, false, nullptr});
  }
  GemmTile t{};
  t.k = size;
  t.a_row = q.row, t.a_step = 1;
  t.b_step = nr, t.b_padded = true;
  t.c_row = line;
  for (std::int64_t j = 0; j < count; j += nr) {
    t.b = keys + j * size;
    t.cols = static_cast<int>(std::min(nr, count - j));
    for_tiles(q, [&](float* row, const float* from, int rows) {
      t.rows = rows;
      t.a = from;
      t.c = row + first + j;
      gemm.tile(t);
    });
  }
}

// The last position sees all, each one before it one less; the first one sees `first`.
void Attention::normalize(std::int64_t first) const {
  for (std::int64_t r = 0; r < sharing * positions; ++r) {
    float* row = scores + r * line;
    const std::int64_t seen = first + r % positions;
    scale(row, heads.key_scales, seen);
    kernels.softmax.softmax(row, row, static_cast<std::size_t>(seen));
    scale(row, heads.value_scales, seen);
    std::fill(row + seen, row + length, 0.0f);  // a zero weight leaves the sums as they are
  }
}

// out[row] (+)= scores[row] V over the positions of a block.
void Attention::mix(const RowSets<float>& out, std::int64_t block) const {
  const GemmTable& gemm = kernels.gemm_f32;
  const std::int64_t size = heads.size, first = block * cache_block(gemm);
  const std::int64_t count = std::min(cache_block(gemm), length - first);
  const float* values = read(heads.values, block, count * size);
  if (single_row()) {
    return gemm.row_times_matrix(count, size, scores + first, 1, values, size, out.at, block > 0,
                                 nullptr);
  }
  GemmTile t{};
  t.k = count;
  t.a_row = line, t.a_step = 1;
  t.b_step = size, t.b_padded = false;
  t.c_row = out.row;
  t.accumulate = block > 0;
  for (std::int64_t j = 0; j < size; j += gemm.nr) {
    t.b = values + j;
    t.cols = static_cast<int>(std::min<std::int64_t>(gemm.nr, size - j));
    for_tiles(out, [&](float* row, float* to, int rows) {
      t.rows = rows;
      t.a = row + first;
      t.c = to + j;
      gemm.tile(t);
    });
  }
}

}  // namespace

std::int64_t cache_block(const GemmTable& gemm) {
  constexpr std::int64_t kPositions = 32;
  return round_up(kPositions, gemm.nr);
}
std::int64_t cache_blocks(const GemmTable& gemm, std::int64_t capacity) {
  return round_up(capacity, cache_block(gemm)) / cache_block(gemm);
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

// Where a head's key and value of a position lie, and their scales: elements of the heads' arrays.
struct Place {
  std::int64_t key, value, scale;
};

template <class T>
T* element(const std::byte* cache, std::int64_t at) {
  return reinterpret_cast<T*>(const_cast<std::byte*>(cache)) + at;
}

void store(const Table& kernels, const CachedHeads& heads, const Place& at, const float* key,
           const float* value) {
  const std::int64_t nr = kernels.gemm_f32.nr, size = heads.size;
  const auto n = static_cast<std::size_t>(size);
  if (heads.format == CacheFormat::f32) {
    auto* to = element<float>(heads.keys, at.key);
    for (std::int64_t d = 0; d < size; ++d) to[d * nr] = key[d];
    std::copy_n(value, size, element<float>(heads.values, at.value));
  } else if (heads.format == CacheFormat::f16) {
    spread(key, size, nr, element<std::uint16_t>(heads.keys, at.key), kernels.half.narrow);
    kernels.half.narrow(value, element<std::uint16_t>(heads.values, at.value), n);
  } else {
    const ScaledCodes key_codes(kernels, key, size), value_codes(kernels, value, size);
    const_cast<float*>(heads.key_scales)[at.scale] = key_codes.scale();
    const_cast<float*>(heads.value_scales)[at.scale] = value_codes.scale();
    spread(key, size, nr, element<std::int8_t>(heads.keys, at.key), key_codes);
    value_codes(value, element<std::int8_t>(heads.values, at.value), n);
  }
}

}  // namespace

void store_position(const Table& kernels, const CachedHeads& heads, std::int64_t position,
                    const float* keys, const float* values) {
  const std::int64_t nr = kernels.gemm_f32.nr, size = heads.size;
  const std::int64_t positions = cache_block(kernels.gemm_f32), in_block = position % positions;
  const std::int64_t key = in_block / nr * nr * size + in_block % nr;
  for (std::int64_t h = 0; h < heads.count; ++h) {
    const std::int64_t part = position / positions * heads.step + h * positions * size;
    store(kernels, heads, {part + key, part + in_block * size, h * heads.scales + position},
          keys + h * size, values + h * size);
  }
}

std::int64_t positions_together(const GemmTable& gemm, std::int64_t sharing) {
  return std::max<std::int64_t>(1, kTilesTogether * gemm.mr / sharing);
}

std::int64_t scratch_floats(const GemmTable& gemm, std::int64_t positions, std::int64_t size,
                            std::int64_t sharing, std::int64_t heads) {
  const std::int64_t lines = sharing * std::max(heads, positions_together(gemm, sharing));
  return lines * round_up(positions, 16) + round_up(cache_block(gemm) * size, 16);
}

// Of a single position all heads go through a block before the next one is read. More of them use a
// block so often that its way from memory is no matter, and their scores shall stay near.
void attend_block(const Table& kernels, const CachedHeads& heads, const NewPositions& p,
                  std::int64_t i, float* scratch) {
  const std::int64_t together = positions_together(kernels.gemm_f32, p.sharing);
  const std::int64_t count = std::min(together, p.count - i), length = p.first + i + count;
  const std::int64_t line = round_up(length, 16), rows = p.sharing * count;
  const std::int64_t blocks = cache_blocks(kernels.gemm_f32, length);
  const std::int64_t at_once = count == 1 ? heads.count : 1;
  float* widened = scratch + at_once * rows * line;
  const auto attention = [&](std::int64_t h) {
    float* scores = scratch + h % at_once * rows * line;
    return Attention{kernels, heads, h, count, p.sharing, length, line, scores, widened};
  };
  for (std::int64_t first = 0; first < heads.count; first += at_once) {
    for (std::int64_t block = 0; block < blocks; ++block) {
      for (std::int64_t h = first; h < first + at_once; ++h) {
        const Attention a = attention(h);
        a.score(a.row_sets(p.q + i * p.q_row, p.q_row), block);
      }
    }
    for (std::int64_t h = first; h < first + at_once; ++h) attention(h).normalize(p.first + i + 1);
    for (std::int64_t block = 0; block < blocks; ++block) {
      for (std::int64_t h = first; h < first + at_once; ++h) {
        const Attention a = attention(h);
        a.mix(a.row_sets(p.out + i * p.out_row, p.out_row), block);
      }
    }
  }
}

}  // namespace tt::kernels
