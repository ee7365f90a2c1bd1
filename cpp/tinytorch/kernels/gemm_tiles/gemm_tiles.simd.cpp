// Compiled for instruction sets with AMX. See gemm_tiles.hpp for what the functions compute.
#include "tinytorch/kernels/gemm_tiles/gemm_tiles.hpp"

#include "tinytorch/kernels/gemm_tiles/split.simd.hpp"
#include "tinytorch/kernels/tiles.simd.hpp"

namespace tt::kernels::TT_ISA {
namespace {

constexpr std::int64_t kTile = 1024;
enum Piece : std::int64_t { kHigh = 0, kMiddle = 2 * kTile, kLow = 4 * kTile };

// Tiles 0 .. 3 hold sums, 4 and 5 the halves of A, 6 and 7 those of B.
[[gnu::always_inline]] inline void load_a(const std::byte* step, Piece piece) {
  _tile_loadd(4, step + piece, kTileBytes);
  _tile_loadd(5, step + piece + kTile, kTileBytes);
}
[[gnu::always_inline]] inline void load_b(const std::byte* step, Piece piece) {
  _tile_loadd(6, step + piece, kTileBytes);
  _tile_loadd(7, step + piece + kTile, kTileBytes);
}
[[gnu::always_inline]] inline void add_products() {
  _tile_dpbf16ps(0, 4, 6);
  _tile_dpbf16ps(1, 4, 7);
  _tile_dpbf16ps(2, 5, 6);
  _tile_dpbf16ps(3, 5, 7);
}

[[gnu::always_inline]] inline void add_step(OnePiece, const std::byte* a, const std::byte* b) {
  load_b(b, kHigh), load_a(a, kHigh);
  add_products();
}
// Each pair of pieces differs from the one before in one of the two: the other is loaded already.
[[gnu::always_inline]] inline void add_step(ThreePieces, const std::byte* a, const std::byte* b) {
  load_b(b, kHigh), load_a(a, kLow);
  add_products();
  load_a(a, kMiddle);
  add_products();
  load_b(b, kMiddle);
  add_products();
  load_a(a, kHigh);
  add_products();
  load_b(b, kLow);
  add_products();
  load_b(b, kHigh);
  add_products();
}

// Where the sums of a block start from, and where they go.
struct Sums {
  const float* from;  // null: zero
  float* to;
  std::int64_t from_row, to_row;  // in bytes
};

// A block of A times a block of B. Some lines from `ahead` on are fetched meanwhile.
template <class Form>
inline void multiply_block(const std::byte* a, const std::byte* b, const std::byte* ahead,
                           std::int64_t steps, const Sums& sums) {
  constexpr std::int64_t kStepBytes = 4 * kStepFloats<Form>;
  constexpr int kLines = kStepBytes / kTileBytes / kTilesGroup;
  sums.from == nullptr ? zero_sums() : load_sums(sums.from, sums.from_row);
  for (std::int64_t s = 0; s < steps; ++s, a += kStepBytes, b += kStepBytes) {
    TT_UNROLL for (int line = 0; line < kLines; ++line, ahead += kTileBytes) {
      _mm_prefetch(reinterpret_cast<const char*>(ahead), _MM_HINT_T1);
    }
    add_step(Form{}, a, b);
  }
  store_upper_sums(sums.to, sums.to_row);
  store_lower_sums(reinterpret_cast<std::byte*>(sums.to) + kTileRows * sums.to_row, sums.to_row);
}

// Calls fn(C, lanes, columns from col, sums) for each vector of a block that is partly beyond C.
template <class Fn>
inline void each_part(const TilesProduct& p, std::int64_t row, std::int64_t col, float* sums,
                      const Fn& fn) {
  const std::int64_t rows = p.rows - row < kTilesBlock ? p.rows - row : kTilesBlock;
  const std::int64_t cols = p.cols - col < kTilesBlock ? p.cols - col : kTilesBlock;
  for (std::int64_t i = 0; i < rows; ++i) {
    float* c = p.c + (row + i) * p.c_row + col;
    for (std::int64_t j = 0; j < cols; j += kLanes) {
      fn(c + j, cols - j, j, sums + i * kTilesBlock + j);
    }
  }
}

// The same sums as for whole blocks: they start from C and bias.
template <class Form>
inline void multiply_part(const TilesProduct& p, std::int64_t row, std::int64_t col,
                          const std::byte* a, const std::byte* b, const std::byte* ahead) {
  alignas(64) float sums[kTilesBlock * kTilesBlock] = {};
  each_part(p, row, col, sums, [&](float* c, std::int64_t lanes, std::int64_t j, float* sum) {
    F32 start = p.accumulate ? load_lanes(c, lanes) : F32(0.0f);
    if (p.bias != nullptr) start = start + load_lanes(p.bias + col + j, lanes);
    store(sum, start);
  });
  multiply_block<Form>(a, b, ahead, p.steps, {sums, sums, kTilesBlock * 4, kTilesBlock * 4});
  each_part(p, row, col, sums, [&](float* c, std::int64_t lanes, std::int64_t, const float* sum) {
    store_lanes(c, lanes, load(sum));
  });
}

// Whole lines of a block of C, which nothing reads soon.
template <class Form>
inline void multiply_streamed(const TilesProduct& p, float* c, const float* bias,
                              const std::byte* a, const std::byte* b, const std::byte* ahead) {
  alignas(64) float sums[kTilesBlock * kTilesBlock];
  multiply_block<Form>(a, b, ahead, p.steps, {bias, sums, 0, kTilesBlock * 4});
  for (std::int64_t i = 0; i < kTilesBlock; ++i, c += p.c_row) {
    stream(c, load(sums + i * kTilesBlock));
    stream(c + kLanes, load(sums + i * kTilesBlock + kLanes));
  }
}

inline void fetch_block(const TilesProduct& p, std::int64_t row, std::int64_t col) {
  const std::int64_t rows = p.rows - row < kTilesBlock ? p.rows - row : kTilesBlock;
  const float* c = p.c + row * p.c_row + col;
  for (std::int64_t i = 0; i < rows; ++i, c += p.c_row) {
    __builtin_prefetch(c, 1);
    __builtin_prefetch(c + W, 1);
  }
}

// Rows from `row` on, at most a group of blocks, times one block of columns.
template <class Form>
inline void multiply_group(const TilesProduct& p, std::int64_t row, std::int64_t col) {
  const std::int64_t block_bytes = p.steps * 4 * kStepFloats<Form>;
  const std::byte* b = p.b + col / kTilesBlock * block_bytes;
  const std::byte* ahead = b + block_bytes;
  const std::int64_t end = row + kTilesGroup * kTilesBlock, last = end < p.rows ? end : p.rows;
  for (std::int64_t i = row; i < last; i += kTilesBlock, ahead += block_bytes / kTilesGroup) {
    const std::byte* a = p.a + i / kTilesBlock * block_bytes;
    const bool whole = p.rows - i >= kTilesBlock && p.cols - col >= kTilesBlock;
    float* c = p.c + i * p.c_row + col;
    const float* bias = p.bias == nullptr ? nullptr : p.bias + col;
    if (whole && p.streamed && !p.accumulate) {
      multiply_streamed<Form>(p, c, bias, a, b, ahead);
    } else if (whole && !(p.accumulate && p.bias != nullptr)) {
      const std::int64_t c_row = p.c_row * 4;
      const float* from = p.accumulate ? c : bias;
      fetch_block(p, i + kTilesBlock < last ? i + kTilesBlock : i, col);
      multiply_block<Form>(a, b, ahead, p.steps, {from, c, p.accumulate ? c_row : 0, c_row});
    } else {
      multiply_part<Form>(p, i, col, a, b, ahead);
    }
  }
}

template <class Form>
void multiply(const TilesProduct& p) {
  configure_tiles(kTileRows, kTileRows);
  for (std::int64_t row = 0; row < p.rows; row += kTilesGroup * kTilesBlock) {
    for (std::int64_t col = 0; col < p.cols; col += kTilesBlock) {
      multiply_group<Form>(p, row, col);
    }
  }
  _tile_release();
}

template <class Form>
bool split_rows(const TilesSource& from, std::byte* to) {
  auto* codes = reinterpret_cast<float*>(to);
  return from.along == 1 ? split_runs<Form>(from, codes) : split_vectors_in_runs<Form>(from, codes);
}
template <class Form>
bool split_columns(const TilesSource& from, std::byte* to) {
  auto* codes = reinterpret_cast<float*>(to);
  return from.along == 1 ? split_runs_in_pairs<Form>(from, codes) : split_pairs<Form>(from, codes);
}

template <class Form>
TilesForm form() {
  return {4 * kStepFloats<Form>, &split_rows<Form>, &split_columns<Form>, &multiply<Form>};
}

}  // namespace

void fill_gemm_tiles(GemmTilesTable& t) { t = {form<OnePiece>(), form<ThreePieces>()}; }

}  // namespace tt::kernels::TT_ISA
