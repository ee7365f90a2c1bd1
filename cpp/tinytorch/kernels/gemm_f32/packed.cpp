#include "tinytorch/kernels/gemm_f32/packed.hpp"

#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/gemm_f32/panels.hpp"

namespace tt::kernels {
namespace {

// Rows of A that meet the columns of a piece; they and the piece of B stay in the second cache.
constexpr std::int64_t kBlockRows = 84;
// Steps of k ahead at which the first rows ask for weights, which may come from memory.
constexpr std::int64_t kFarAhead = 64;
// Worth a thread's attention: of few rows, which wait for the weights, less.
constexpr std::int64_t kFewRows = 8, kFewRowsProducts = 1 << 16, kProducts = 1 << 20;

// A piece of the result: rows [row, row + rows), columns [col, col + cols).
struct Piece {
  std::int64_t row, rows, col, cols;
};

// What a block of rows asks for meanwhile: the first one, which may wait for its panel, the panel
// itself, the next ones equal shares of the next panel.
void fetch_for(std::int64_t block, std::int64_t blocks, std::int64_t nr, GemmTile& t) {
  const std::int64_t shares = std::clamp<std::int64_t>(blocks - 1, 1, 2);
  t.b_next_step = block == 0 ? nr : nr / shares;
  t.b_next = block == 0        ? t.b + kFarAhead * nr
             : block <= shares ? t.b + nr * t.k + (block - 1) * t.k * t.b_next_step
                               : nullptr;
}

// One pass over k, of depth t.k, which begins at depth p.
void multiply_pass(const float* a, std::int64_t p, const PackedF32& b, const PanelOutput& out,
                   const Piece& piece, GemmTile t) {
  const std::int64_t mr = b.table->mr, nr = b.table->nr, end = piece.col + piece.cols;
  // Blocks of equal size, not whole ones and a rest: few rows cannot hide the latency of a sum.
  const std::int64_t blocks = (piece.rows + mr - 1) / mr;
  for (std::int64_t j = piece.col; j < end; j += nr) {
    t.b = b.panel(p, j);
    t.cols = static_cast<int>(std::min(nr, end - j));
    const float* bias = t.bias;
    if (bias != nullptr) t.bias = bias + j;
    for (std::int64_t block = 0; block < blocks; ++block) {
      const std::int64_t begin = piece.rows * block / blocks;
      const std::int64_t i = piece.row + begin;
      t.rows = static_cast<int>(piece.rows * (block + 1) / blocks - begin);
      t.a = a + i * t.a_row + p;
      fetch_for(block, blocks, nr, t);
      t.c = out.y + i * out.y_row + j;
      b.table->tile(t);
    }
    t.bias = bias;
  }
}

void multiply(const float* a, std::int64_t a_row, const PackedF32& b, const PanelOutput& out,
              const Piece& piece) {
  GemmTile t{};
  t.a_row = a_row;
  t.a_step = 1;
  t.b_step = b.table->nr;
  t.b_padded = true;
  t.c_row = out.y_row;
  for (std::int64_t p = 0; p < b.k; p += kGemmDepth) {
    t.k = std::min(kGemmDepth, b.k - p);
    t.accumulate = out.accumulate || p > 0;
    t.bias = p + t.k == b.k ? out.bias : nullptr;
    if (piece.rows > 1) {
      multiply_pass(a, p, b, out, piece, t);
      continue;
    }
    const float* bias = t.bias == nullptr ? nullptr : t.bias + piece.col;
    b.table->row_times_panels({t.k, a + piece.row * a_row + p, b.panel(p, piece.col), piece.cols,
                               out.y + piece.row * out.y_row + piece.col, t.accumulate, bias});
  }
}

}  // namespace

const float* PackedF32::panel(std::int64_t p, std::int64_t column) const {
  const std::int64_t depth = std::min(kGemmDepth, k - p);
  return reinterpret_cast<const float*>(weights.data()) + p * padded_columns() + column * depth;
}

PackedF32 pack_f32(const float* b, std::int64_t row, std::int64_t col, std::int64_t k,
                   std::int64_t n, const GemmTable& table) {
  PackedF32 packed{&table, n, k, {}};
  packed.weights =
      PageBuffer(sizeof(float) * static_cast<std::size_t>(packed.padded_columns() * k));
  const std::int64_t nr = table.nr, panels = packed.padded_columns() / nr;
  const std::int64_t grain = grain_for(1 << 14, nr * k);
  const PanelCopy whole{b, col, row, n, k, nr, const_cast<float*>(packed.panel(0, 0)), 0};
  parallel_for(panels, grain, [&](std::int64_t begin, std::int64_t end) {
    pack_passes(table, whole, begin, end);
  });
  return packed;
}

PackedF32 pack_f32(const float* b, std::int64_t row, std::int64_t col, std::int64_t k,
                   std::int64_t n) {
  return pack_f32(b, row, col, k, n, active().gemm_f32);
}

void unpack_column(const PackedF32& b, std::int64_t j, float* out) {
  const std::int64_t nr = b.table->nr;
  for (std::int64_t p = 0; p < b.k; p += kGemmDepth) {
    const float* panel = b.panel(p, j / nr * nr) + j % nr;
    const std::int64_t depth = std::min(kGemmDepth, b.k - p);
    for (std::int64_t q = 0; q < depth; ++q) out[p + q] = panel[q * nr];
  }
}

void gemm_packed(const float* a, std::int64_t m, std::int64_t a_row, const PackedF32& b,
                 const PanelOutput& out) {
  if (m <= 0 || b.n <= 0) return;
  if (b.k == 0) {
    Gemm g;
    g.m = m, g.n = b.n, g.c = out.y, g.c_row = out.y_row;
    g.accumulate = out.accumulate, g.bias = out.bias;
    return gemm(g);
  }
  count_call(Family::gemm);
  const std::int64_t rows = std::min(m, kBlockRows / b.table->mr * b.table->mr);
  const std::int64_t worth = rows < kFewRows ? kFewRowsProducts : kProducts;
  const std::int64_t nr = b.table->nr;
  const std::int64_t cols = nr * std::max<std::int64_t>(1, worth / (rows * nr * b.k));
  const std::int64_t strips = (b.n + cols - 1) / cols, blocks = (m + rows - 1) / rows;
  parallel_for(strips * blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t row = i % blocks * rows, col = i / blocks * cols;
      multiply(a, a_row, b, out, {row, std::min(rows, m - row), col, std::min(cols, b.n - col)});
    }
  });
}

void gemm_packed_here(const float* a, std::int64_t m, std::int64_t a_row, const PackedF32& b,
                      const PanelOutput& out) {
  if (m > 0 && b.n > 0) multiply(a, a_row, b, out, {0, m, 0, b.n});
}

}  // namespace tt::kernels
