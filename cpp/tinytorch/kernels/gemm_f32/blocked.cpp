#include "tinytorch/kernels/gemm_f32/blocked.hpp"

#include <algorithm>

#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/gemm_f32/panels.hpp"
#include "tinytorch/kernels/scratch.hpp"

namespace tt::kernels {
namespace {

// A product is cut into blocks whose operands are packed once, by all threads together, and then
// multiplied: two waits per block, of which small products have one. Within a block a chunk of rows
// and columns is one thread's work; the rows of A it reads stay in the second cache, as do its
// columns of C.
constexpr std::int64_t kPackedA = 1 << 19, kPackedB = 1 << 21;  // floats of one block
constexpr std::int64_t kPackAbove = 16;                         // panels of B
constexpr std::int64_t kPackTogether = 16;                      // panels, read in long runs
constexpr std::int64_t kBlockCols = 3072;
constexpr std::int64_t kChunkRows = 84, kChunkCols = 256;
constexpr std::int64_t kChunksPerThread = 4;      // so that threads end at about the same time
constexpr std::int64_t kChunkProducts = 1 << 18;  // fewer are not worth a second thread

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

thread_local ScratchBuffer t_packed_a, t_packed_b;

// C[i0 .. i0 + m, j0 .. j0 + n] (+)= A[.., p0 .. p0 + k] B[p0 .. p0 + k, ..], in passes of
// kGemmDepth values of p. A packed operand lies pass by pass, panel by panel.
class Block {
 public:
  // Packing pays where many tiles read a value. The kernels take rows of A as they are about as
  // well as packed ones, and what one thread packed another must fetch; columns of A they take far
  // worse.
  Block(const Gemm& product, const GemmTable& table)
      : g(product),
        kernels(table),
        pack_a(g.n > (g.a_col == 1 ? kPackAbove : 1) * kernels.nr && g.m > 1),
        pack_b(g.b_col != 1 || g.m > kernels.mr) {}

  const Gemm& g;
  const GemmTable& kernels;
  const bool pack_a, pack_b;
  std::int64_t j0 = 0, n = 0, p0 = 0, k = 0, i0 = 0, m = 0;

  void pack(bool also_b);
  void multiply() const;

 private:
  void multiply_chunk(std::int64_t row, std::int64_t rows, std::int64_t col,
                      std::int64_t cols) const;
  void multiply_pass(std::int64_t p, std::int64_t row, std::int64_t rows, std::int64_t col,
                     std::int64_t cols) const;

  float* a_ = nullptr;
  float* b_ = nullptr;
};

void Block::pack(bool also_b) {
  const std::int64_t a_panels = pack_a ? divide_up(m, kernels.mr) : 0;
  const std::int64_t b_panels = pack_b && also_b ? divide_up(n, kernels.nr) : 0;
  if (a_panels > 0) a_ = t_packed_a.reserve<float>(a_panels * kernels.mr * k);
  if (b_panels > 0) b_ = t_packed_b.reserve<float>(b_panels * kernels.nr * k);
  const std::int64_t panels = a_panels + b_panels;
  const std::int64_t share = divide_up(panels, 2 * num_threads());
  const std::int64_t grain =
      std::max(std::min(kPackTogether, share), kChunkProducts / 4 / (kernels.nr * k));
  const PanelCopy a{g.a + i0 * g.a_row + p0 * g.a_col, g.a_row, g.a_col, m, k, kernels.mr, a_, 0};
  const PanelCopy b{g.b + j0 * g.b_col + p0 * g.b_row, g.b_col, g.b_row, n, k, kernels.nr, b_, 0};
  parallel_for(panels, grain, [&](std::int64_t first, std::int64_t last) {
    pack_passes(kernels, a, first, std::min(last, a_panels));
    pack_passes(kernels, b, std::max(first, a_panels) - a_panels, last - a_panels);
  });
}

void Block::multiply_pass(std::int64_t p, std::int64_t row, std::int64_t rows, std::int64_t col,
                          std::int64_t cols) const {
  const std::int64_t mr = kernels.mr, nr = kernels.nr, steps = std::min(kGemmDepth, k - p);
  const std::int64_t padded_m = divide_up(m, mr) * mr, padded_n = divide_up(n, nr) * nr;
  const bool last = p0 + p + steps == g.k;
  GemmTile t{};
  t.k = steps;
  t.a_row = pack_a ? 1 : g.a_row;
  t.a_step = pack_a ? mr : g.a_col;
  t.b_step = pack_b ? nr : g.b_row;
  t.b_padded = pack_b;
  t.c_row = g.c_row;
  t.accumulate = g.accumulate || p0 + p > 0;
  for (std::int64_t j = col; j < col + cols; j += nr) {
    t.b = pack_b ? b_ + p * padded_n + j * steps : g.b + (p0 + p) * g.b_row + j0 + j;
    t.cols = static_cast<int>(std::min(nr, col + cols - j));
    t.bias = last && g.bias != nullptr ? g.bias + j0 + j : nullptr;
    for (std::int64_t i = row; i < row + rows; i += mr) {
      t.a = pack_a ? a_ + p * padded_m + i * steps : g.a + (i0 + i) * g.a_row + (p0 + p) * g.a_col;
      t.rows = static_cast<int>(std::min(mr, row + rows - i));
      t.c = g.c + (i0 + i) * g.c_row + j0 + j;
      kernels.tile(t);
    }
  }
}

// Shares the block's part of C out. Any cut gives the same bits, so that it may follow the number
// of threads.
void Block::multiply() const {
  const std::int64_t mr = kernels.mr, nr = kernels.nr, tiles = divide_up(m, mr);
  const std::int64_t row_chunks = divide_up(tiles, kChunkRows / mr);
  const std::int64_t rows = divide_up(tiles, row_chunks) * mr;
  const std::int64_t wanted = num_threads() == 1 ? 1 : kChunksPerThread * num_threads();
  const std::int64_t worth = divide_up(kChunkProducts, std::min(rows, m) * k);
  const std::int64_t share = divide_up(n, divide_up(wanted, row_chunks));
  const std::int64_t cols = divide_up(std::min(kChunkCols, std::max(worth, share)), nr) * nr;
  const std::int64_t col_chunks = divide_up(n, cols);
  parallel_for(row_chunks * col_chunks, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t chunk = first; chunk < last; ++chunk) {
      const std::int64_t row = chunk / col_chunks * rows, col = chunk % col_chunks * cols;
      if (row >= m) continue;
      for (std::int64_t p = 0; p < k; p += kGemmDepth) {
        multiply_pass(p, row, std::min(rows, m - row), col, std::min(cols, n - col));
      }
    }
  });
}

}  // namespace

void gemm_blocked(const Gemm& g, const GemmTable& kernels) {
  Block block(g, kernels);
  const auto whole = [](std::int64_t floats, std::int64_t across, std::int64_t unit) {
    return std::max(unit, floats / across / unit * unit);
  };
  for (block.j0 = 0; block.j0 < g.n; block.j0 += block.n) {
    block.n = std::min(kBlockCols, g.n - block.j0);
    for (block.p0 = 0; block.p0 < g.k; block.p0 += block.k) {
      block.k =
          std::min(whole(kPackedA, kChunkRows, kGemmDepth), whole(kPackedB, block.n, kGemmDepth));
      block.k = std::min(block.k, g.k - block.p0);
      for (block.i0 = 0; block.i0 < g.m; block.i0 += block.m) {
        if (block.p0 > 0 || block.i0 > 0) stop_if_interrupted();
        block.m = std::min(whole(kPackedA, block.k, kernels.mr), g.m - block.i0);
        block.pack(block.i0 == 0);
        block.multiply();
      }
    }
  }
}

}  // namespace tt::kernels
