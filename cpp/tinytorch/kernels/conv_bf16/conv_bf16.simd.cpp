// Compiled once per instruction set. See conv_bf16.hpp for what the functions compute.
#include "tinytorch/kernels/conv_bf16/conv_bf16.hpp"

#if defined(TT_ISA_amx)
#include "tinytorch/kernels/gemm_bf16/encode.simd.hpp"
#include "tinytorch/kernels/tiles.simd.hpp"
#else
#include "tinytorch/kernels/conv_bf16/reference.hpp"
#endif

namespace tt::kernels::TT_ISA {

#if defined(TT_ISA_amx)
namespace {

constexpr std::int64_t kPanelRow = ConvBf16::kPanel * 4;  // bytes of a pair of positions

// Sixteen results, rows of a tile: of neighbours in a row, or of one place in several images.
struct Run {
  std::int64_t y, x;  // the first
};

// The runs of all results.
class Runs {
 public:
  explicit Runs(const ConvBf16& c) : c_(c), kind_(kind_of(c)) {
    across_ = kind_ == Kind::images ? c.out_width : (c.out_width + kTileRows - 1) / kTileRows;
    const std::int64_t positions = (c.out_height - 1) * c.width + c.out_width;
    count_ =
        kind_ == Kind::through ? (positions + kTileRows - 1) / kTileRows : c.out_height * across_;
  }
  std::int64_t count() const { return count_; }
  Run at(std::int64_t i) const {
    if (kind_ == Kind::through) return {0, i * kTileRows};
    return {i / across_, i % across_ * (kind_ == Kind::images ? 1 : kTileRows)};
  }
  std::int64_t position_codes() const {  // of the grid
    return kind_ == Kind::images ? ConvBf16::kTogether * c_.channels : c_.channels;
  }
  std::int64_t row_codes() const {  // between the rows of a tile
    return kind_ == Kind::images ? c_.channels : c_.stride * c_.channels;
  }
  const std::uint16_t* start(const Run& run) const {
    return c_.grid + (run.y * c_.width + run.x) * c_.stride * position_codes();
  }

  // Sums of a run, 32 floats apart, go to columns [first, first + cols) of the results.
  void put(Run run, const float* sums, std::int64_t first, std::int64_t cols) const {
    if (kind_ == Kind::images) {
      const std::int64_t image = c_.out_height * c_.out_width * c_.outputs;
      std::uint16_t* to = place(run) + first;
      for (std::int64_t n = 0; n < c_.images; ++n, to += image, sums += ConvBf16::kPanel) {
        put_row(sums, first, cols, to);
      }
      return;
    }
    const bool through = kind_ == Kind::through;
    if (through) run = {run.x / c_.width, run.x % c_.width};
    for (int r = 0; r < kTileRows; ++r, ++run.x, sums += ConvBf16::kPanel) {
      if (run.x == c_.width && through) run = {run.y + 1, 0};
      if (run.y >= c_.out_height) return;
      if (run.x < c_.out_width) put_row(sums, first, cols, place(run) + first);
    }
  }

 private:
  // Where rows of results do not fill runs, at stride 1, runs go through the grid without a stop:
  // what lies beyond a row's end is computed and dropped.
  enum class Kind { rows, through, images };
  static Kind kind_of(const ConvBf16& c) {
    if (c.images > 1) return Kind::images;
    return c.stride == 1 && c.out_width % kTileRows != 0 ? Kind::through : Kind::rows;
  }
  std::uint16_t* place(const Run& run) const {
    return c_.y + (run.y * c_.out_width + run.x) * c_.outputs;
  }
  void put_row(const float* sums, std::int64_t first, std::int64_t cols, std::uint16_t* to) const {
    F32 low = F32::load_aligned(sums), high = F32::load_aligned(sums + W);
    if (c_.bias != nullptr) {
      low = low + load(c_.bias + first);
      if (cols > kLanes) high = high + load(c_.bias + first + kLanes);
    }
    const auto lanes = cols > kLanes ? ~__mmask32{0} : __mmask32{0xffff};
    _mm512_mask_storeu_epi16(to, lanes, converted(low, high));
  }

  const ConvBf16& c_;
  Kind kind_;
  std::int64_t across_, count_;
};

// Two runs against a panel of weights: tiles of sums 0 .. 3, as in tiles.simd.hpp.
inline void multiply_runs(const ConvBf16& c, const Runs& runs, const std::uint16_t* upper,
                          const std::uint16_t* lower, const std::uint16_t* panel) {
  const std::int64_t step = 2 * runs.row_codes(), position = runs.position_codes();
  const auto* b = reinterpret_cast<const std::byte*>(panel);
  zero_sums();
  for (std::int64_t u = 0; u < c.kernel_h; ++u) {
    for (std::int64_t v = 0; v < c.kernel_w; ++v) {
      const std::int64_t tap = (u * c.width + v) * position;
      for (std::int64_t k = tap; k < tap + c.channels; k += ConvBf16::kChannels) {
        _tile_loadd(6, b, kPanelRow);
        _tile_loadd(4, upper + k, step);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, b + kTileBytes, kPanelRow);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, lower + k, step);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        b += kTileGroups * kPanelRow;
      }
    }
  }
}

// By way of `sums`, which stay in the first cache.
inline void store_runs(const Runs& runs, const Run& upper, const Run* lower, std::int64_t first,
                       std::int64_t cols, float* sums) {
  store_upper_sums(sums, kPanelRow);
  if (lower != nullptr) store_lower_sums(sums + kTileRows * ConvBf16::kPanel, kPanelRow);
  runs.put(upper, sums, first, cols);
  if (lower != nullptr) runs.put(*lower, sums + kTileRows * ConvBf16::kPanel, first, cols);
}

void images(const ConvBf16& c) {
  alignas(64) float sums[2 * kTileRows * ConvBf16::kPanel];
  const Runs runs(c);
  const std::int64_t depth = c.kernel_h * c.kernel_w * c.channels;
  configure_tiles(kTileRows, kTileRows);
  for (std::int64_t first = 0; first < c.outputs; first += ConvBf16::kPanel) {
    const std::int64_t left = c.outputs - first, cols = left < 32 ? left : 32;
    for (std::int64_t i = 0; i < runs.count(); i += 2) {
      const bool two = i + 1 < runs.count();
      const Run upper = runs.at(i), lower = two ? runs.at(i + 1) : upper;
      multiply_runs(c, runs, runs.start(upper), runs.start(lower), c.weights + first * depth);
      store_runs(runs, upper, two ? &lower : nullptr, first, cols, sums);
    }
  }
  _tile_release();
}

void pair(const std::uint16_t* codes, std::int64_t groups, std::int64_t channels,
          std::uint16_t* out, std::int64_t panel_step) {
  alignas(64) static constexpr std::uint16_t kOrder[64] = {
      0,  32, 1,  33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39, 8,  40, 9,  41, 10, 42,
      11, 43, 12, 44, 13, 45, 14, 46, 15, 47, 16, 48, 17, 49, 18, 50, 19, 51, 20, 52, 21, 53,
      22, 54, 23, 55, 24, 56, 25, 57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31, 63};
  const __m512i low = _mm512_load_si512(kOrder), high = _mm512_load_si512(kOrder + 32);
  for (std::int64_t g = 0; g < groups; ++g, codes += 2 * channels) {
    for (std::int64_t c = 0; c < channels; c += ConvBf16::kPanel) {
      std::uint16_t* to = out + c / ConvBf16::kPanel * panel_step + g * 2 * ConvBf16::kPanel;
      const __m512i even = _mm512_loadu_si512(codes + c);
      const __m512i odd = _mm512_loadu_si512(codes + channels + c);
      _mm512_storeu_si512(to, _mm512_permutex2var_epi16(even, low, odd));
      _mm512_storeu_si512(to + 32, _mm512_permutex2var_epi16(even, high, odd));
    }
  }
}

// Sixteen channels of up to 32 positions: lanes of pairs of positions, turned in registers.
void turn_block(const std::uint16_t* codes, std::int64_t positions, std::int64_t channels,
                std::uint16_t* out, std::int64_t row) {
  F32 block[W];
  TT_UNROLL for (std::int64_t q = 0; q < kLanes; ++q) {
    const std::uint16_t* from = codes + 2 * q * channels;
    const F32 odd = 2 * q + 1 < positions ? load(from + channels) : F32(0.0f);
    const I32 even = as_int(2 * q < positions ? load(from) : F32(0.0f));
    const __m512i pair = _mm512_or_si512(_mm512_srli_epi32(even, 16), as_int(odd));
    block[q] = F32(_mm512_castsi512_ps(pair));
  }
  transpose(block);
  TT_UNROLL for (std::int64_t c = 0; c < kLanes; ++c) {
    store_lanes(reinterpret_cast<float*>(out + c * row), (positions + 1) / 2, block[c]);
  }
}

void turn(const std::uint16_t* codes, std::int64_t positions, std::int64_t channels,
          std::uint16_t* out, std::int64_t row) {
  for (std::int64_t p = 0; p < positions; p += 2 * kLanes) {
    for (std::int64_t c = 0; c < channels; c += kLanes) {
      turn_block(codes + p * channels + c, positions - p, channels, out + c * row + p, row);
    }
  }
}

}  // namespace

void fill_conv_bf16(ConvBf16Table& table) { table = ConvBf16Table{true, images, pair, turn}; }

#else

void fill_conv_bf16(ConvBf16Table& table) {
  table = ConvBf16Table{false, reference::conv_bf16_images, reference::conv_bf16_pair,
                        reference::conv_bf16_turn};
}

#endif

}  // namespace tt::kernels::TT_ISA
