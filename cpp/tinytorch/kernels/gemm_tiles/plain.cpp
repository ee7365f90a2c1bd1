#include "tinytorch/kernels/gemm_tiles/plain.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/gemm_f32/blocked.hpp"
#include "tinytorch/kernels/scratch.hpp"
#include "tinytorch/kernels/streaming.hpp"

namespace tt::kernels {
namespace {

constexpr std::int64_t kWorthwhile = 48;  // k and n from here on: less is mostly splitting
constexpr std::int64_t kRows = 4096, kStripBlocks = 160;  // split at a time: 12 and 15 MiB
constexpr std::int64_t kUnitRows = kTilesGroup * kTilesBlock, kUnitCols = 256;
constexpr std::int64_t kUnitProducts = 1 << 24;  // worth a thread's attention
constexpr std::int64_t kUnitValues = 1 << 14;
constexpr std::int64_t kStreamFrom = std::int64_t{2} << 20;  // values of C, if made in one pass

thread_local ScratchBuffer t_rows, t_columns, t_bad;

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Rows [i0, i0 + m), columns [j0, j0 + n), values [p0, p0 + k) of a product.
class Part {
 public:
  Part(const Gemm& product, const TilesForm& tiles) : g(product), form(tiles) {}

  std::int64_t i0 = 0, m = 0, j0 = 0, n = 0, p0 = 0, k = 0;

  void split_rows();
  void split_columns();
  void multiply() const;

 private:
  std::int64_t steps() const { return divide_up(k, kTilesStep); }
  std::int64_t block_bytes() const { return steps() * form.step_bytes; }
  std::uint32_t clear_bad_rows(const TilesSource& from, std::byte* block) const;
  void multiply_bad_rows() const;
  Gemm as_floats() const;

  template <class Fn>
  void each_block(std::int64_t count, Fn fn) const {
    const std::int64_t grain = std::max<std::int64_t>(1, kUnitValues / (kTilesBlock * k));
    parallel_for(divide_up(count, kTilesBlock), grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b) {
        fn(b, b * kTilesBlock, std::min(kTilesBlock, count - b * kTilesBlock));
      }
    });
  }

  const Gemm& g;
  const TilesForm& form;
  std::byte *rows_ = nullptr, *columns_ = nullptr;
  std::uint32_t* bad_rows_ = nullptr;  // of each block a bit for each row
  bool bad_columns_ = false;
};

// Rows of zeros add nothing; their values are multiplied afterwards.
std::uint32_t Part::clear_bad_rows(const TilesSource& from, std::byte* block) const {
  std::uint32_t bad = 0;
  for (std::int64_t r = 0; r < from.count; ++r) {
    bool good = true;
    for (std::int64_t p = 0; p < from.depth; ++p) {
      const float x = from.at[r * from.across + p * from.along];
      good = good && std::isfinite(x + x);
    }
    if (good) continue;
    bad |= 1u << r;
    for (std::int64_t at = r / 16 * 1024 + r % 16 * 64; at < block_bytes(); at += 2048) {
      std::memset(block + at, 0, 64);
    }
  }
  return bad;
}

void Part::split_rows() {
  const std::int64_t blocks = divide_up(m, kTilesBlock);
  rows_ = t_rows.reserve<std::byte>(blocks * block_bytes());
  bad_rows_ = t_bad.reserve<std::uint32_t>(blocks);
  each_block(m, [&](std::int64_t b, std::int64_t first, std::int64_t count) {
    const TilesSource from{g.a + (i0 + first) * g.a_row + p0 * g.a_col, g.a_row, g.a_col, count, k};
    std::byte* to = rows_ + b * block_bytes();
    bad_rows_[b] = form.split_rows(from, to) ? 0 : clear_bad_rows(from, to);
  });
}

void Part::split_columns() {
  columns_ = t_columns.reserve<std::byte>(divide_up(n, kTilesBlock) * block_bytes());
  std::atomic<bool> bad{false};
  each_block(n, [&](std::int64_t b, std::int64_t first, std::int64_t count) {
    const TilesSource from{g.b + (j0 + first) * g.b_col + p0 * g.b_row, g.b_col, g.b_row, count, k};
    if (!form.split_columns(from, columns_ + b * block_bytes())) bad = true;
  });
  bad_columns_ = bad;
}

Gemm Part::as_floats() const {
  Gemm part = g;
  part.m = m, part.n = n, part.k = k;
  part.a += i0 * g.a_row + p0 * g.a_col;
  part.b += j0 * g.b_col + p0 * g.b_row;
  part.c += i0 * g.c_row + j0;
  part.accumulate = g.accumulate || p0 > 0;
  part.bias = g.bias != nullptr && p0 == 0 ? g.bias + j0 : nullptr;
  return part;
}

void Part::multiply_bad_rows() const {
  for (std::int64_t i = 0; i < m; ++i) {
    if ((bad_rows_[i / kTilesBlock] >> i % kTilesBlock & 1) == 0) continue;
    Gemm row = as_floats();
    row.m = 1;
    row.a += i * g.a_row, row.c += i * g.c_row;
    row.accumulate = true, row.bias = nullptr;
    gemm_with(row, active().gemm_f32);
  }
}

// Units that share rows follow each other. Any cut gives the same bits.
void Part::multiply() const {
  const Gemm part = as_floats();
  if (bad_columns_) return gemm_with(part, active().gemm_f32);
  const std::int64_t groups = divide_up(m, kUnitRows), rows = std::min(m, kUnitRows);
  const std::int64_t worth = divide_up(kUnitProducts, rows * k * kTilesBlock) * kTilesBlock;
  const bool lines = g.c_row % 16 == 0 && reinterpret_cast<std::uintptr_t>(part.c) % 64 == 0;
  const bool streamed = lines && k == g.k && g.m * g.n >= kStreamFrom;
  const std::int64_t cols = std::max(kUnitCols, worth), strips = divide_up(n, cols);
  parallel_for(groups * strips, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t row = unit / strips * kUnitRows, col = unit % strips * cols;
      TilesProduct p;
      p.rows = std::min(kUnitRows, m - row), p.cols = std::min(cols, n - col), p.steps = steps();
      p.a = rows_ + row / kTilesBlock * block_bytes();
      p.b = columns_ + col / kTilesBlock * block_bytes();
      p.c = part.c + row * g.c_row + col, p.c_row = g.c_row;
      p.accumulate = part.accumulate;
      p.bias = part.bias == nullptr ? nullptr : part.bias + col;
      p.streamed = streamed;
      form.multiply(p);
    }
    if (streamed) finish_streamed();
  });
  multiply_bad_rows();
}

}  // namespace

bool gemm_tiles_here() { return active().gemm_tiles.one.multiply != nullptr; }

bool gemm_tiles_fits(const Gemm& g) {
  return gemm_tiles_here() && g.k >= kWorthwhile && g.n >= kWorthwhile &&
         (g.a_row == 1 || g.a_col == 1) && (g.b_row == 1 || g.b_col == 1);
}

void gemm_tiles(const Gemm& g, TilePieces pieces) {
  if (g.m <= 0 || g.n <= 0) return;
  const auto& tiles = active().gemm_tiles;
  const TilesForm& form = pieces == TilePieces::one ? tiles.one : tiles.three;
  count_call(pieces == TilePieces::one ? Family::gemm_bf16 : Family::gemm);
  const std::int64_t depth = kTilesBlockBytes / form.step_bytes * kTilesStep;
  const std::int64_t strip = kStripBlocks * kTilesBlock;
  Part part(g, form);
  for (part.p0 = 0; part.p0 < g.k; part.p0 += part.k) {
    part.k = std::min(depth, g.k - part.p0);
    for (part.i0 = 0; part.i0 < g.m; part.i0 += part.m) {
      part.m = std::min(kRows, g.m - part.i0);
      part.split_rows();
      for (part.j0 = 0; part.j0 < g.n; part.j0 += part.n) {
        stop_if_interrupted();
        part.n = std::min(strip, g.n - part.j0);
        if (part.i0 == 0 || part.n < g.n) part.split_columns();
        part.multiply();
      }
    }
  }
}

}  // namespace tt::kernels
