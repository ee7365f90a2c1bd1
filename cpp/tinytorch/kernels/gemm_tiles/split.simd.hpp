// Floats become one or three bfloat16 values each, in the tiles of gemm_tiles.hpp.
#pragma once
#include "tinytorch/kernels/gemm_bf16/encode.simd.hpp"
#include "tinytorch/kernels/gemm_f32/transpose.simd.hpp"
#include "tinytorch/kernels/gemm_tiles/gemm_tiles.hpp"
#include "tinytorch/kernels/simd.hpp"

namespace tt::kernels::TT_ISA {

inline constexpr std::int64_t kHalf = kTilesBlock / 2;  // of a block: the rows of a tile
inline constexpr std::int64_t kTileFloats = 256;        // a tile's size in floats

// put_run: 32 values of k in a row of A. put_pair: two values of k for 16 columns of B. check: what
// becomes NaN in the lanes of values without pieces.
struct OnePiece {
  static constexpr std::int64_t kPieces = 1;
  static void put_run(F32 a, F32 b, float* to) {
    store(to, F32(_mm512_castsi512_ps(converted(a, b))));
  }
  static void put_pair(F32 a, F32 b, float* to) { store(to, paired(a, b)); }
  static F32 check(F32 sum, F32) { return sum; }
};

class ThreePieces {
 public:
  static constexpr std::int64_t kPieces = 3;
  [[gnu::always_inline]] static void put_run(F32 a, F32 b, float* to) {
    alignas(64) static constexpr std::uint16_t kOrder[32] = {
        1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
        33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63};
    put(a, b, _mm512_load_si512(kOrder), to);
  }
  [[gnu::always_inline]] static void put_pair(F32 a, F32 b, float* to) {
    alignas(64) static constexpr std::uint16_t kOrder[32] = {
        1,  33, 3,  35, 5,  37, 7,  39, 9,  41, 11, 43, 13, 45, 15, 47,
        17, 49, 19, 51, 21, 53, 23, 55, 25, 57, 27, 59, 29, 61, 31, 63};
    put(a, b, _mm512_load_si512(kOrder), to);
  }
  static F32 check(F32 sum, F32 x) { return fma(x + x, F32(0.0f), sum); }

 private:
  static F32 rounded(F32 x) {  // halves away from zero
    return as_float(upper_half(as_int(x) + I32(0x8000)));
  }
  static void put_upper(F32 a, F32 b, __m512i order, float* to) {
    store(to, F32(_mm512_castsi512_ps(_mm512_permutex2var_epi16(_mm512_castps_si512(a), order,
                                                                _mm512_castps_si512(b)))));
  }
  [[gnu::always_inline]] static void put(F32 a, F32 b, __m512i order, float* to) {
    const F32 high_a = rounded(a), rest_a = a - high_a, middle_a = rounded(rest_a);
    const F32 high_b = rounded(b), rest_b = b - high_b, middle_b = rounded(rest_b);
    put_upper(high_a, high_b, order, to);
    put_upper(middle_a, middle_b, order, to + 2 * kTileFloats);
    put_upper(rest_a - middle_a, rest_b - middle_b, order, to + 4 * kTileFloats);
  }
};

template <class Form>
inline constexpr std::int64_t kStepFloats = 2 * Form::kPieces* kTileFloats;

inline bool good(F32 sum) { return _mm512_cmp_ps_mask(sum, sum, _CMP_UNORD_Q) == 0; }

// Across is 1: a value of k is a vector of the block's columns, two of them are a row of a tile.
template <class Form>
inline bool split_pairs(const TilesSource& from, float* to) {
  constexpr std::int64_t kAheadRows = 16;
  F32 sum(0.0f);
  for (std::int64_t p = 0; p < from.depth; p += kTilesStep, to += kStepFloats<Form>) {
    for (std::int64_t q = p; q < p + kTilesStep; q += 2) {
      const float *first = from.at + q * from.along, *second = first + from.along;
      for (std::int64_t half = 0; half < 2; ++half, first += kHalf, second += kHalf) {
        const std::int64_t count = from.count - half * kHalf;
        __builtin_prefetch(first + kAheadRows * from.along);
        __builtin_prefetch(second + kAheadRows * from.along);
        const F32 a = load_lanes(first, q < from.depth ? count : 0);
        const F32 b = load_lanes(second, q + 1 < from.depth ? count : 0);
        sum = Form::check(Form::check(sum, a), b);
        Form::put_pair(a, b, to + half * kTileFloats + (q - p) / 2 * 16);
      }
    }
  }
  return good(sum);
}

// Along is 1: 32 values of k are a row of a tile.
template <class Form>
inline bool split_runs(const TilesSource& from, float* to) {
  constexpr std::int64_t kAheadValues = 2 * kTilesStep;
  F32 sum(0.0f);
  for (std::int64_t p = 0; p < from.depth; p += kTilesStep, to += kStepFloats<Form>) {
    for (std::int64_t r = 0; r < kTilesBlock; ++r) {
      const float* x = from.at + r * from.across + p;
      const std::int64_t left = r < from.count ? from.depth - p : 0;
      if (left > kAheadValues) {
        __builtin_prefetch(x + kAheadValues);
        __builtin_prefetch(x + kAheadValues + 16);
      }
      const F32 a = load_lanes(x, left), b = load_lanes(x + 16, left - 16);
      sum = Form::check(Form::check(sum, a), b);
      Form::put_run(a, b, to + r / kHalf * kTileFloats + r % kHalf * 16);
    }
  }
  return good(sum);
}

// 16 x 16 values of a half, turned: from runs along k to vectors across (Runs), or back.
template <class Form, bool Runs>
[[gnu::always_inline]] inline F32 load_turned(const TilesSource& from, std::int64_t half,
                                              std::int64_t p, F32 sum, F32 (&block)[16]) {
  const std::int64_t count = from.count - half * kHalf, depth = from.depth - p;
  const float* x = from.at + half * kHalf * from.across + p * from.along;
  constexpr std::int64_t kAheadValues = 2 * kTilesStep;
  TT_UNROLL for (std::int64_t i = 0; i < 16; ++i) {
    __builtin_prefetch(x + i * (Runs ? from.across : from.along) + kAheadValues * from.along);
    block[i] = Runs ? load_lanes(x + i * from.across, i < count ? depth : 0)
                    : load_lanes(x + i * from.along, i < depth ? count : 0);
    sum = Form::check(sum, block[i]);
  }
  transpose(block);
  return sum;
}

template <class Form>
inline bool split_runs_in_pairs(const TilesSource& from, float* to) {
  F32 sum(0.0f), block[16];
  for (std::int64_t p = 0; p < from.depth; p += kTilesStep, to += kStepFloats<Form>) {
    for (std::int64_t half = 0; half < 2; ++half) {
      for (std::int64_t q = 0; q < kTilesStep; q += 16) {
        sum = load_turned<Form, true>(from, half, p + q, sum, block);
        TT_UNROLL for (std::int64_t i = 0; i < 16; i += 2) {
          Form::put_pair(block[i], block[i + 1], to + half * kTileFloats + (q + i) / 2 * 16);
        }
      }
    }
  }
  return good(sum);
}

template <class Form>
inline bool split_vectors_in_runs(const TilesSource& from, float* to) {
  F32 sum(0.0f), first[16], second[16];
  for (std::int64_t p = 0; p < from.depth; p += kTilesStep, to += kStepFloats<Form>) {
    for (std::int64_t half = 0; half < 2; ++half) {
      sum = load_turned<Form, false>(from, half, p, sum, first);
      sum = load_turned<Form, false>(from, half, p + 16, sum, second);
      TT_UNROLL for (std::int64_t r = 0; r < 16; ++r) {
        Form::put_run(first[r], second[r], to + half * kTileFloats + r * 16);
      }
    }
  }
  return good(sum);
}

}  // namespace tt::kernels::TT_ISA
