// Compiled once per instruction set. See conv_s8.hpp for what the functions compute.
#include "tinytorch/kernels/conv_s8/conv_s8.hpp"

#include "tinytorch/kernels/conv_s8/lines.simd.hpp"
#include "tinytorch/kernels/conv_s8/pair_line.simd.hpp"
#include "tinytorch/kernels/conv_s8/store_codes.simd.hpp"

namespace tt::kernels::TT_ISA {
namespace {

inline I32 quantized(const float* x, std::int64_t lanes, F32 inverse, F32 zero) {
  const F32 v = lanes == kWidth ? load(x) : load_n(x, static_cast<std::size_t>(lanes));
  return rounded(v * inverse + zero, F32(0.0f), F32(255.0f));
}

// Up to four channels of bytes are one integer per pixel.
inline void quantize_four(const QuantizeRow& q) {
  auto* out = static_cast<Code*>(q.out);
  const F32 inverse(q.inverse_scale), zero(q.zero);
  const I32 offset(Dot::kZero == 128 ? 0 : static_cast<std::int32_t>(0x80808080u));
  for (std::int64_t x = 0; x < q.width; x += kWidth) {
    const std::int64_t lanes = q.width - x < kWidth ? q.width - x : kWidth;
    I32 all(static_cast<std::int32_t>(0x80808080u));
    for (std::int64_t c = q.channels; c-- > 0;) {
      all = (all << 8) | quantized(q.in + c * q.plane + x, lanes, inverse, zero);
    }
    all = all ^ offset;  // u - 128 in every byte
    alignas(64) std::int32_t lane[W];
    all.store_aligned(lane);
    __builtin_memcpy(out + x * 4, lane, static_cast<std::size_t>(lanes) * 4);
  }
}

void quantize_row(const QuantizeRow& q) {
  if (sizeof(Code) == 1 && q.stored == 4) return quantize_four(q);
  auto* out = static_cast<Code*>(q.out);
  const F32 inverse(q.inverse_scale), zero(q.zero);
  for (std::int64_t x = 0; x < q.width; x += kWidth) {
    const std::int64_t lanes = q.width - x < kWidth ? q.width - x : kWidth;
    Code* pixel = out + x * q.stored;
    for (std::int64_t c = 0; c < q.channels; ++c) {
      alignas(64) std::int32_t lane[W];
      quantized(q.in + c * q.plane + x, lanes, inverse, zero).store_aligned(lane);
      for (std::int64_t i = 0; i < lanes; ++i) put_code(pixel + i * q.stored + c, lane[i]);
    }
    for (std::int64_t i = 0; i < lanes; ++i) {
      for (std::int64_t c = q.channels; c < q.stored; ++c) {
        put_code(pixel + i * q.stored + c, 128);
      }
    }
  }
}

void requantize(const Requantize& r) {
  const auto* residual = static_cast<const Code*>(r.residual);
  auto* out = static_cast<Code*>(r.out);
  const F32 low(r.low), high(r.high), residual_scale(r.residual_scale);
  for (std::int64_t c = 0; c < r.channels; c += kWidth) {
    const F32 scale = load(r.scale + c), offset = load(r.offset + c);
    const std::int32_t* sums = r.sums + c;
    if (residual == nullptr) {
      for (std::int64_t p = 0; p < r.pixels; ++p) {
        const F32 v = xsimd::to_float(load_sums(sums + p * r.sums_row)) * scale + offset;
        put_rounded(out + p * r.out_row + c, v, low, high);
      }
    } else {
      for (std::int64_t p = 0; p < r.pixels; ++p) {
        const F32 v = xsimd::to_float(load_sums(sums + p * r.sums_row)) * scale + offset;
        const F32 sum = joined(v, residual + p * r.out_row + c, residual_scale);
        put_rounded(out + p * r.out_row + c, sum, low, high);
      }
    }
  }
}

// Scales are positive and rounding keeps the order: the largest sum gives the largest code.
void requantize_pooled(const RequantizePooled& both) {
  const Requantize& r = both.first;
  const auto* residual = static_cast<const Code*>(r.residual);
  auto* out = static_cast<Code*>(r.out);
  const F32 low(r.low), high(r.high), residual_scale(r.residual_scale);
  for (std::int64_t c = 0; c < r.channels; c += kWidth) {
    const F32 scale = load(r.scale + c), offset = load(r.offset + c);
    for (std::int64_t p = 0; p + 2 <= r.pixels; p += 2) {
      const std::int32_t* sums = r.sums + p * r.sums_row + c;
      Code* to = out + p / 2 * r.out_row + c;
      if (residual == nullptr) {
        const std::int32_t* below = sums + both.sums_line;
        const I32 most = larger(larger(load_sums(sums), load_sums(sums + r.sums_row)),
                                larger(load_sums(below), load_sums(below + r.sums_row)));
        put_rounded(to, xsimd::to_float(most) * scale + offset, low, high);
        continue;
      }
      I32 most(0);
      for (std::int64_t k = 0; k < 4; ++k) {
        const std::int64_t down = k / 2, right = k % 2;
        const I32 sum = load_sums(sums + down * both.sums_line + right * r.sums_row);
        const Code* add = residual + down * both.residual_line + (p + right) * r.out_row + c;
        const F32 v = joined(xsimd::to_float(sum) * scale + offset, add, residual_scale);
        most = larger(most, rounded(v, low, high));
      }
      put_codes(to, most);
    }
  }
}

void join(const JoinCodes& j) {
  const auto* a = static_cast<const Code*>(j.a);
  const auto* b = static_cast<const Code*>(j.b);
  auto* out = static_cast<Code*>(j.out);
  for (std::int64_t i = 0; i < j.count; i += kWidth) {
    F32 v = xsimd::to_float(get_codes(a + i)) * F32(j.a_scale);
    if (b != nullptr) v = joined(v, b + i, F32(j.b_scale));
    put_rounded(out + i, v + F32(j.offset), F32(j.low), F32(j.high));
  }
}

// Codes have the order of what they stand for. The compiler makes vectors of the 16.
void max_window(const void* in, std::int64_t line, std::int64_t channels, int rows, int cols,
                void* out) {
  constexpr int kCodes = 16;
  const auto* from = static_cast<const Code*>(in);
  auto* to = static_cast<Code*>(out);
  for (std::int64_t c = 0; c < channels; c += kCodes) {
    Code most[kCodes];
    __builtin_memcpy(most, from + c, sizeof most);
    for (int i = 0; i < rows; ++i) {
      for (int j = 0; j < cols; ++j) {
        const Code* at = from + i * line + j * channels + c;
        for (int k = 0; k < kCodes; ++k) most[k] = most[k] < at[k] ? at[k] : most[k];
      }
    }
    __builtin_memcpy(to + c, most, sizeof most);
  }
}

void depthwise_sums(const DepthwiseSums& d) {
  const auto* image = static_cast<const Code*>(d.image);
  const I32 outside(d.zero - 128);
  std::int32_t* out = d.sums;
  for (std::int64_t n = 0; n < d.count; ++n) {
    const std::int64_t left = d.left + n * d.stride;
    for (std::int64_t c = 0; c < d.channels; c += kWidth, out += kWidth) {
      I32 sum(0);
      const std::int32_t* weight = d.weights + c;
      for (std::int64_t i = 0; i < d.kernel_h; ++i) {
        const std::int64_t y = d.top + i * d.dilation_h;
        const bool above_or_below = y < 0 || y >= d.height;
        for (std::int64_t j = 0; j < d.kernel_w; ++j, weight += d.channels) {
          const std::int64_t x = left + j * d.dilation_w;
          const bool blank = above_or_below || x < 0 || x >= d.width;
          const I32 q =
              blank ? outside : get_codes(image + (y * d.width + x) * d.channels + c) - I32(128);
          sum = sum + q * I32::load_unaligned(weight);
        }
      }
      sum.store_unaligned(out);
    }
  }
}

void average(const void* in, std::int64_t pixels, std::int64_t channels, float zero, float scale,
             float* out) {
  const auto* from = static_cast<const Code*>(in);
  const F32 all_zero(static_cast<float>(pixels) * zero);
  for (std::int64_t c = 0; c < channels; c += kWidth) {
    I32 sum(0);
    for (std::int64_t p = 0; p < pixels; ++p) {
      sum = sum + get_codes(from + p * channels + c);
    }
    store(out + c, (xsimd::to_float(sum) - all_zero) * F32(scale));
  }
}

// Whole pieces of 16 bytes: may go beyond the end.
[[gnu::always_inline]] inline void copy_run(std::byte* to, const std::byte* from,
                                            std::int64_t bytes) {
  std::int64_t i = 0;
  for (; i + 64 <= bytes; i += 64) __builtin_memcpy(to + i, from + i, 64);
  for (; i < bytes; i += 16) __builtin_memcpy(to + i, from + i, 16);
}

// A run whose pixels lie apart, or partly outside.
inline void copy_pixels(const WindowBytes& w, const std::byte* line, std::int64_t left,
                        std::byte* to) {
  for (std::int64_t v = 0; v < w.kernel_w; ++v, to += w.pixel) {
    const std::int64_t x = left + v * w.dilation_w;
    const bool inside = x >= 0 && x < w.width;
    copy_run(to, inside ? line + x * w.pixel_step : w.blank, w.pixel);
  }
}

// The same run of `count` windows that lie whole within a line: the compiler knows kRest.
template <int kRest>
inline void copy_whole(const std::byte* from, std::int64_t step, std::byte* to,
                       std::int64_t out_row, std::int64_t count, std::int64_t run) {
  const std::int64_t blocks = run & ~std::int64_t{63};
  for (std::int64_t n = 0; n < count; ++n, from += step, to += out_row) {
    for (std::int64_t i = 0; i < blocks; i += 64) __builtin_memcpy(to + i, from + i, 64);
    if constexpr (kRest >= 32) __builtin_memcpy(to + blocks, from + blocks, 32);
    if constexpr (kRest % 32 != 0) {
      __builtin_memcpy(to + blocks + kRest / 32 * 32, from + blocks + kRest / 32 * 32, 16);
    }
  }
}

// Run u of all windows.
inline void copy_runs(const WindowBytes& w, std::int64_t u, std::int64_t whole_first,
                      std::int64_t whole_last) {
  const std::int64_t run = w.kernel_w * w.pixel, y = w.top + u * w.dilation_h;
  std::byte* to = w.out + u * run;
  if (y < 0 || y >= w.height) {
    for (std::int64_t n = 0; n < w.count; ++n) copy_run(to + n * w.out_row, w.blank, run);
    return;
  }
  const std::byte* line = w.image + y * w.line;
  for (std::int64_t n = 0; n < whole_first; ++n) {
    copy_pixels(w, line, w.left + n * w.stride, to + n * w.out_row);
  }
  const std::byte* from = line + (w.left + whole_first * w.stride) * w.pixel_step;
  const std::int64_t step = w.stride * w.pixel_step, count = whole_last - whole_first;
  std::byte* first = to + whole_first * w.out_row;
  switch ((run + 15) / 16 % 4) {
    case 0:
      copy_whole<0>(from, step, first, w.out_row, count, (run + 15) / 16 * 16);
      break;
    case 1:
      copy_whole<16>(from, step, first, w.out_row, count, run);
      break;
    case 2:
      copy_whole<32>(from, step, first, w.out_row, count, run);
      break;
    default:
      copy_whole<48>(from, step, first, w.out_row, count, run);
  }
  for (std::int64_t n = whole_last; n < w.count; ++n) {
    copy_pixels(w, line, w.left + n * w.stride, to + n * w.out_row);
  }
}

// Windows [first, last) whose runs lie within the lines of the image, and together.
struct Whole {
  std::int64_t first = 0, last = 0;
  explicit Whole(const WindowBytes& w) {
    if (w.dilation_w != 1 || w.pixel != w.pixel_step) return;
    while (first < w.count && w.left + first * w.stride < 0) ++first;
    last = first;
    while (last < w.count && w.left + last * w.stride + w.kernel_w <= w.width) ++last;
  }
};

// Whole windows of kRuns runs of up to 16 bytes, as the first layer of a network has them.
template <int kRuns>
inline void copy_small(const WindowBytes& w, const Whole& whole) {
  const std::byte* from[kRuns];
  std::int64_t step[kRuns];
  for (int u = 0; u < kRuns; ++u) {
    const std::int64_t y = w.top + u * w.dilation_h;
    const bool inside = y >= 0 && y < w.height;
    const std::int64_t left = w.left + whole.first * w.stride;
    from[u] = inside ? w.image + y * w.line + left * w.pixel_step : w.blank;
    step[u] = inside ? w.stride * w.pixel_step : 0;
  }
  const std::int64_t run = w.kernel_w * w.pixel;
  std::byte* to = w.out + whole.first * w.out_row;
  for (std::int64_t n = whole.first; n < whole.last; ++n, to += w.out_row) {
    TT_UNROLL for (int u = 0; u < kRuns; ++u) {
      __builtin_memcpy(to + u * run, from[u], 16);
      from[u] += step[u];
    }
  }
}

// A run may spill up to 15 bytes into what follows. Runs of whole pieces spill nothing and go line
// by line; others window by window, so that what follows is written later.
void copy_windows(const WindowBytes& w) {
  const Whole whole(w);
  const bool exact = w.pixel % 16 == 0;
  if (exact) {
    for (std::int64_t u = 0; u < w.kernel_h; ++u) copy_runs(w, u, whole.first, whole.last);
    return;
  }
  const bool small = w.kernel_h == 3 && w.kernel_w * w.pixel <= 16;
  WindowBytes one = w;
  one.count = 1;
  for (std::int64_t n = 0; n < w.count; ++n) {
    const bool inside = n >= whole.first && n < whole.last;
    if (small && inside) {
      copy_small<3>(w, whole);
      n = whole.last - 1;
      continue;
    }
    one.left = w.left + n * w.stride;
    one.out = w.out + n * w.out_row;
    for (std::int64_t u = 0; u < w.kernel_h; ++u) copy_runs(one, u, 0, inside ? 1 : 0);
  }
}

#if defined(TT_ISA_amx)

constexpr bool kPoolsProducts = true;
constexpr void (*kConvolveLines)(const LinesToCodes&) = nullptr;

// 32 x 32 sums to codes of every fourth row.
inline void pool_tiles(const StoreCodes& store, std::int64_t first_row, std::int64_t rows,
                       std::int64_t first_column, const I32* sums) {
  const StoreCodes::Columns<Dot::kVectors> columns(store, first_column);
  for (std::int64_t r = 0; r < rows; r += 4, sums += 4 * Dot::kVectors) {
    TT_UNROLL for (int v = 0; v < Dot::kVectors; ++v) {
      const I32 most = larger(larger(sums[v], sums[Dot::kVectors + v]),
                              larger(sums[2 * Dot::kVectors + v], sums[3 * Dot::kVectors + v]));
      columns.put((first_row + r) / 4, v, most);
    }
  }
}

// Calls run(product's tiles, what follows a block of sums).
template <class Run>
inline void with_tiles(const ProductToCodes& p, const Run& run) {
  const S8Product& of = p.product;
  const StoreCodes store{of.column_sums, p.to};
  const TileProduct tiles{of.a, of.a_row, of.b, of.b, of.groups, nullptr};
  run(tiles, [&](std::int64_t first, std::int64_t rows, std::int64_t j, const void* sums) {
    if (p.pool) {
      pool_tiles(store, first, rows, j * kTileCols, static_cast<const I32*>(sums));
    } else {
      finish_tiles(Panel<Dot>(of, j), first, rows, sums, store);
    }
  });
}

// The configuration of the tiles lasts from product to product, where they have whole blocks.
void multiply_to_codes(const ProductsToCodes& all) {
  alignas(64) TileSums sums[kPassBlocks];
  bool configured = false;
  for (std::int64_t i = 0; i < all.count; ++i) {
    const ProductToCodes p = all.next(all.context, i);
    const std::int64_t rows = p.product.rows, panels = Panel<Dot>::count(p.product);
    if (rows % kTileBlock != 0) {
      configured = false;
      if (rows < Dot::kTilesFrom && !p.pool) {
        all_panels<Dot>(p.product, StoreCodes{p.product.column_sums, p.to});
        continue;
      }
      with_tiles(p, [&](const TileProduct& tiles, const auto& done) {
        for_each_tile_block<Dot>(tiles, rows, panels, done);
      });
      continue;
    }
    if (!configured) configure_tiles(kTileRows, kTileRows);
    configured = true;
    with_tiles(p, [&](const TileProduct& tiles, const auto& done) {
      multiply_blocks<Dot>(tiles, rows, panels, sums,
                           [&](std::int64_t first, std::int64_t j, const void* made) {
                             done(first, kTileBlock, j, made);
                           });
    });
  }
  if (configured) _tile_release();
}

#else

constexpr bool kPoolsProducts = false;
constexpr auto kConvolveLines = convolve_lines;

void multiply_to_codes(const ProductsToCodes& all) {
  for (std::int64_t i = 0; i < all.count; ++i) {
    const ProductToCodes p = all.next(all.context, i);
    all_panels<Dot>(p.product, StoreCodes{p.product.column_sums, p.to});
  }
}

#endif

}  // namespace

void fill_conv_s8(ConvS8Table& table) {
  table = ConvS8Table{quantize_row,      copy_windows,   requantize,     requantize_pooled,
                      multiply_to_codes, kPoolsProducts, kConvolveLines, line_panel_shape(),
                      pair_line,         convolve_pairs, join,           max_window,
                      average,           depthwise_sums};
}

}  // namespace tt::kernels::TT_ISA
