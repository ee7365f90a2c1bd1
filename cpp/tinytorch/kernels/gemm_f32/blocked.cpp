#include "tinytorch/kernels/gemm_f32/blocked.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/base/thread_pool.hpp"

namespace tt::kernels {
namespace {

// Cache blocking. A block of A (rows x kGemmDepth) is packed per thread and stays in the second
// cache; a block of B (kGemmDepth x columns) is packed once for all threads.
constexpr std::int64_t kBlockRows = 144;
constexpr std::int64_t kBlockCols = 3072;
constexpr std::int64_t kChunksPerThread = 4;      // so that threads end at about the same time
constexpr std::int64_t kChunkProducts = 1 << 18;  // fewer are not worth a second thread

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// A growing buffer per thread, so that steady work allocates nothing.
class Scratch {
 public:
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { release(); }
  float* reserve(std::int64_t count) {
    if (count > capacity_) {
      release();
      data_ = static_cast<float*>(
          ::operator new (sizeof(float) * static_cast<std::size_t>(count), std::align_val_t{64}));
      capacity_ = count;
    }
    return data_;
  }

 private:
  void release() {
    ::operator delete (data_, std::align_val_t{64});
    data_ = nullptr;
    capacity_ = 0;
  }
  float* data_ = nullptr;
  std::int64_t capacity_ = 0;
};
thread_local Scratch t_packed_a, t_packed_b;

// One block: rows of A against packed or plain columns of B, a range of k.
struct Block {
  const Gemm& g;
  const GemmTable& kernels;
  std::int64_t j0, cols, p0, depth;
  const float* packed_b;  // null: B is read in place
  bool pack_a;

  void multiply(std::int64_t i0, std::int64_t i1, std::int64_t begin, std::int64_t end) const;
};

// C[i0 .. i1, begin .. end] of the block; begin is a multiple of nr.
void Block::multiply(std::int64_t i0, std::int64_t i1, std::int64_t begin, std::int64_t end) const {
  const std::int64_t mr = kernels.mr, nr = kernels.nr;
  const float* a = g.a + i0 * g.a_row + p0 * g.a_col;
  const float* packed_a = nullptr;
  if (pack_a) {
    float* out = t_packed_a.reserve(divide_up(i1 - i0, mr) * mr * depth);
    for (std::int64_t i = 0; i < i1 - i0; i += mr) {
      kernels.pack(a + i * g.a_row, g.a_row, g.a_col, std::min(mr, i1 - i0 - i), depth, mr,
                   out + i * depth);
    }
    packed_a = out;
  }
  GemmTile t{};
  t.k = depth;
  t.a_row = pack_a ? 1 : g.a_row;
  t.a_step = pack_a ? mr : g.a_col;
  t.b_step = packed_b != nullptr ? nr : g.b_row;
  t.b_padded = packed_b != nullptr;
  t.c_row = g.c_row;
  t.accumulate = g.accumulate || p0 > 0;
  const bool last = p0 + depth == g.k;
  for (std::int64_t j = begin; j < end; j += nr) {
    t.b = packed_b != nullptr ? packed_b + j * depth : g.b + p0 * g.b_row + j0 + j;
    t.cols = static_cast<int>(std::min(nr, end - j));
    t.bias = last && g.bias != nullptr ? g.bias + j0 + j : nullptr;
    for (std::int64_t i = 0; i < i1 - i0; i += mr) {
      t.a = pack_a ? packed_a + i * depth : a + i * g.a_row;
      t.rows = static_cast<int>(std::min(mr, i1 - i0 - i));
      t.c = g.c + (i0 + i) * g.c_row + j0 + j;
      kernels.tile(t);
    }
  }
}

void pack_columns(const Block& block, float* out) {
  const Gemm& g = block.g;
  const std::int64_t nr = block.kernels.nr;
  const std::int64_t panels = divide_up(block.cols, nr);
  const std::int64_t grain = std::max<std::int64_t>(1, kChunkProducts / 4 / (nr * block.depth));
  parallel_for(panels, grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t q = first; q < last; ++q) {
      const float* source = g.b + block.p0 * g.b_row + (block.j0 + q * nr) * g.b_col;
      block.kernels.pack(source, g.b_col, g.b_row, std::min(nr, block.cols - q * nr), block.depth,
                         nr, out + q * nr * block.depth);
    }
  });
}

// Shares a block's part of C out in chunks of rows x columns.
void multiply_block(const Block& block) {
  const std::int64_t mr = block.kernels.mr, nr = block.kernels.nr;
  const std::int64_t tiles = divide_up(block.g.m, mr);
  const std::int64_t row_chunks = divide_up(tiles, kBlockRows / mr);
  const std::int64_t rows = divide_up(tiles, row_chunks) * mr;
  // Columns are cut only where the rows alone would not keep the threads busy: each cut packs A
  // again. Any cut gives the same bits, so that it may follow the number of threads.
  const std::int64_t wanted = num_threads() == 1 ? 1 : kChunksPerThread * num_threads();
  const std::int64_t worth = divide_up(kChunkProducts, std::min(rows, block.g.m) * block.depth);
  const std::int64_t share = divide_up(block.cols, divide_up(wanted, row_chunks));
  const std::int64_t group = divide_up(std::max(worth, share), nr) * nr;
  const std::int64_t col_chunks = divide_up(block.cols, group);
  parallel_for(row_chunks * col_chunks, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t chunk = first; chunk < last; ++chunk) {
      const std::int64_t i0 = chunk / col_chunks * rows, begin = chunk % col_chunks * group;
      const std::int64_t i1 = std::min(block.g.m, i0 + rows);
      if (i0 < i1) block.multiply(i0, i1, begin, std::min(block.cols, begin + group));
    }
  });
}

}  // namespace

void gemm_blocked(const Gemm& g, const GemmTable& kernels) {
  // Packing pays where a value is used by more than one tile.
  const bool plain_b = g.b_col == 1 && g.m <= kernels.mr;
  const bool pack_a = g.n > 2 * kernels.nr && g.m > 1;
  for (std::int64_t j0 = 0; j0 < g.n; j0 += kBlockCols) {
    const std::int64_t cols = std::min(kBlockCols, g.n - j0);
    for (std::int64_t p0 = 0; p0 < g.k; p0 += kGemmDepth) {
      if (p0 > 0) stop_if_interrupted();
      const std::int64_t depth = std::min(kGemmDepth, g.k - p0);
      Block block{g, kernels, j0, cols, p0, depth, nullptr, pack_a};
      if (!plain_b) {
        const std::int64_t nr = kernels.nr;
        float* out = t_packed_b.reserve(divide_up(cols, nr) * nr * depth);
        pack_columns(block, out);
        block.packed_b = out;
      }
      multiply_block(block);
    }
  }
}

}  // namespace tt::kernels
