#include "tinytorch/kernels/attention/cached.hpp"

#include <algorithm>

namespace tt::kernels {
namespace {

std::int64_t round_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

// scores[row, t] = q[row] K[t], whole blocks of keys at a time.
void score(const GemmTable& gemm, const CachedHead& head, const GemmTile& rows,
           std::int64_t length) {
  GemmTile t = rows;
  t.k = head.size;
  t.b_step = gemm.nr;
  t.b_padded = true;
  for (std::int64_t j = 0; j < length; j += gemm.nr) {
    t.b = head.keys + j * head.size;
    t.c = rows.c + j;
    t.cols = static_cast<int>(std::min<std::int64_t>(gemm.nr, length - j));
    gemm.tile(t);
  }
}

// out[row] = scores[row] V.
void mix(const GemmTable& gemm, const CachedHead& head, const GemmTile& weights,
         std::int64_t length) {
  GemmTile t = weights;
  t.b_step = head.size;
  t.b_padded = false;
  for (std::int64_t j = 0; j < head.size; j += gemm.nr) {
    t.cols = static_cast<int>(std::min<std::int64_t>(gemm.nr, head.size - j));
    t.c = weights.c + j;
    for (std::int64_t p = 0; p < length; p += kGemmDepth) {
      t.k = std::min(kGemmDepth, length - p);
      t.a = weights.a + p;
      t.b = head.values + p * head.size + j;
      t.accumulate = p > 0;
      gemm.tile(t);
    }
  }
}

}  // namespace

std::int64_t cached_floats(const GemmTable& gemm, std::int64_t capacity, std::int64_t size) {
  return round_up(capacity, gemm.nr) * size;
}

void store_key(const GemmTable& gemm, const float* key, std::int64_t size, std::int64_t position,
               float* keys) {
  float* to = keys + position / gemm.nr * gemm.nr * size + position % gemm.nr;
  for (std::int64_t d = 0; d < size; ++d) to[d * gemm.nr] = key[d];
}

std::int64_t score_floats(const GemmTable& gemm, std::int64_t positions) {
  return gemm.mr * round_up(positions, 16);
}

void attend_rows(const Table& kernels, const CachedHead& head, const NewPositions& p,
                 std::int64_t i, float* scores) {
  const GemmTable& gemm = kernels.gemm_f32;
  const std::int64_t rows = std::min<std::int64_t>(gemm.mr, p.rows - i);
  const std::int64_t length = p.first + i + rows, line = round_up(length, 16);
  GemmTile t{};
  t.rows = static_cast<int>(rows);
  t.a = p.q + i * p.q_row, t.a_row = p.q_row, t.a_step = 1;
  t.c = scores, t.c_row = line;
  score(gemm, head, t, length);
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t seen = p.first + i + r + 1;
    float* row = scores + r * line;
    kernels.softmax.softmax(row, row, static_cast<std::size_t>(seen));
    std::fill(row + seen, row + length, 0.0f);  // a zero weight leaves the sums as they are
  }
  t.a = scores, t.a_row = line;
  t.c = p.out + i * p.out_row, t.c_row = p.out_row;
  mix(gemm, head, t, length);
}

}  // namespace tt::kernels
