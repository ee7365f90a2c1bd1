#include "tinytorch/kernels/bf16_lanes.simd.hpp"
#include "tinytorch/kernels/pool/halve.hpp"

namespace tt::kernels::TT_ISA {
namespace {

// 2W floats as those at even and those at odd places, and back.
struct EvenOdd {
  F32 even, odd;
};
inline EvenOdd deinterleave(F32 low, F32 high) {
#if defined(__AVX512F__)
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return {F32(_mm512_permutex2var_ps(low, even, high)),
          F32(_mm512_permutex2var_ps(low, odd, high))};
#elif defined(__AVX2__)
  const __m256 even = _mm256_shuffle_ps(low, high, 0x88), odd = _mm256_shuffle_ps(low, high, 0xdd);
  const auto in_order = [](__m256 v) {  // the shuffles work in halves
    return F32(_mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(v), 0xd8)));
  };
  return {in_order(even), in_order(odd)};
#elif defined(__aarch64__)
  return {F32(vuzp1q_f32(low, high)), F32(vuzp2q_f32(low, high))};
#else
  return {F32(_mm_shuffle_ps(low, high, 0x88)), F32(_mm_shuffle_ps(low, high, 0xdd))};
#endif
}
struct LowHigh {
  F32 low, high;
};
inline LowHigh interleave(F32 even, F32 odd) {
#if defined(__AVX512F__)
  const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i high =
      _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  return {F32(_mm512_permutex2var_ps(even, low, odd)),
          F32(_mm512_permutex2var_ps(even, high, odd))};
#elif defined(__AVX2__)
  const __m256 a = _mm256_unpacklo_ps(even, odd), b = _mm256_unpackhi_ps(even, odd);
  return {F32(_mm256_permute2f128_ps(a, b, 0x20)), F32(_mm256_permute2f128_ps(a, b, 0x31))};
#elif defined(__aarch64__)
  return {F32(vzip1q_f32(even, odd)), F32(vzip2q_f32(even, odd))};
#else
  return {F32(_mm_unpacklo_ps(even, odd)), F32(_mm_unpackhi_ps(even, odd))};
#endif
}

inline EvenOdd load_pairs(const float* p, std::size_t outputs) {
  if (outputs == W) return deinterleave(load(p), load(p + W));
  const std::size_t floats = 2 * outputs;
  const F32 low = load_part(p, floats < W ? floats : W);
  return deinterleave(low, floats > W ? load_part(p + W, floats - W) : F32(0.0f));
}

// The best so far and its place; a candidate takes over if it is greater, or the first NaN.
struct Best {
  F32 value;
  I32 place;
  void challenge(F32 v, I32 at) {
    const Mask wins = (!(v <= value)) & (!is_nan(value));
    value = select(wins, v, value);
    place = as_int(select(wins, as_float(at), as_float(place)));
  }
};

inline I32 count_up() {
  alignas(64) std::int32_t lane[W];
  for (std::size_t i = 0; i < W; ++i) lane[i] = static_cast<std::int32_t>(2 * i);
  return I32::load_aligned(lane);
}

void max(const float* upper, const float* lower, std::int32_t first, std::int32_t width, float* y,
         std::int32_t* argmax, std::size_t n) {
  const I32 steps = count_up(), one(1), down(width);
  for (std::size_t j = 0; j < n; j += W) {
    const std::size_t count = n - j < W ? n - j : W;
    const EvenOdd a = load_pairs(upper + 2 * j, count), b = load_pairs(lower + 2 * j, count);
    const I32 place = I32(first + static_cast<std::int32_t>(2 * j)) + steps;
    Best best{a.even, place};
    best.challenge(a.odd, place + one);
    best.challenge(b.even, place + down);
    best.challenge(b.odd, place + down + one);
    store_part(y + j, count, best.value);
    // Places are stored as the bits of floats: a store does not look at them.
    if (argmax != nullptr) {
      store_part(reinterpret_cast<float*>(argmax) + j, count, as_float(best.place));
    }
  }
}

void average(const float* upper, const float* lower, float* y, std::size_t n) {
  for (std::size_t j = 0; j < n; j += W) {
    const std::size_t count = n - j < W ? n - j : W;
    const EvenOdd a = load_pairs(upper + 2 * j, count), b = load_pairs(lower + 2 * j, count);
    store_part(y + j, count, (((a.even + a.odd) + b.even) + b.odd) * F32(0.25f));
  }
}

inline void add_pairs(float* p, std::size_t outputs, LowHigh v) {
  const std::size_t floats = 2 * outputs, low = floats < W ? floats : W;
  store_part(p, low, load_part(p, low) + v.low);
  if (floats > W) store_part(p + W, floats - W, load_part(p + W, floats - W) + v.high);
}

void average_grad(const float* dy, float* upper, float* lower, std::size_t n) {
  for (std::size_t j = 0; j < n; j += W) {
    const std::size_t count = n - j < W ? n - j : W;
    const F32 share = load_part(dy + j, count) * F32(0.25f);
    const LowHigh both = interleave(share, share);
    add_pairs(upper + 2 * j, count, both);
    add_pairs(lower + 2 * j, count, both);
  }
}

// Lanes of 0 .. 255 as bytes.
inline void store_bytes(std::uint8_t* p, std::size_t count, I32 v) {
#if defined(__AVX512F__)
  _mm512_mask_cvtepi32_storeu_epi8(p, static_cast<__mmask16>((1u << count) - 1u), v);
#else
  alignas(64) std::int32_t lane[W];
  v.store_aligned(lane);
  for (std::size_t i = 0; i < count; ++i) p[i] = static_cast<std::uint8_t>(lane[i]);
#endif
}
inline I32 load_bytes(const std::uint8_t* p, std::size_t count) {
#if defined(__AVX512F__)
  const auto lanes = static_cast<__mmask16>((1u << count) - 1u);
  return I32(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(lanes, p)));
#else
  alignas(64) std::int32_t lane[W] = {};
  for (std::size_t i = 0; i < count; ++i) lane[i] = p[i];
  return I32::load_aligned(lane);
#endif
}

// step(offset of the output, of the left input pixel of both rows, of the right one, values) over
// all outputs and vectors of channels.
template <class Step>
inline void each_pixel(const PoolPixels& p, Step step) {
  const auto channels = static_cast<std::size_t>(p.channels);
  for (std::size_t j = 0; j < static_cast<std::size_t>(p.n); ++j) {
    for (std::size_t c = 0; c < channels; c += W) {
      const std::size_t count = channels - c < W ? channels - c : W, left = 2 * j * channels + c;
      step(j * channels + c, left, left + channels, count);
    }
  }
}

template <class T>
void max_pixels(const T* upper, const T* lower, const PoolPixels& p, T* y, std::uint8_t* place) {
  each_pixel(p, [&](std::size_t out, std::size_t left, std::size_t right, std::size_t count) {
    Best best{load_part(upper + left, count), I32(0)};
    best.challenge(load_part(upper + right, count), I32(1));
    best.challenge(load_part(lower + left, count), I32(2));
    best.challenge(load_part(lower + right, count), I32(3));
    store_part(y + out, count, best.value);
    store_bytes(place + out, count, best.place);
  });
}

template <class T>
void max_pixels_grad(const T* dy, const std::uint8_t* place, const PoolPixels& p, T* upper,
                     T* lower) {
  each_pixel(p, [&](std::size_t out, std::size_t left, std::size_t right, std::size_t count) {
    const I32 g = as_int(load_part(dy + out, count)), at = load_bytes(place + out, count);
    const auto share = [&](std::int32_t k) {
      return as_float(xsimd::select(at == I32(k), g, I32(0)));
    };
    store_part(upper + left, count, share(0));
    store_part(upper + right, count, share(1));
    store_part(lower + left, count, share(2));
    store_part(lower + right, count, share(3));
  });
}

template <class T>
void average_pixels(const T* upper, const T* lower, const PoolPixels& p, T* y) {
  each_pixel(p, [&](std::size_t out, std::size_t left, std::size_t right, std::size_t count) {
    const F32 above = load_part(upper + left, count) + load_part(upper + right, count);
    const F32 sum = (above + load_part(lower + left, count)) + load_part(lower + right, count);
    store_part(y + out, count, sum * F32(0.25f));
  });
}

template <class T>
void average_pixels_grad(const T* dy, const PoolPixels& p, T* upper, T* lower) {
  each_pixel(p, [&](std::size_t out, std::size_t left, std::size_t right, std::size_t count) {
    const F32 share = load_part(dy + out, count) * F32(0.25f);
    for (T* row : {upper, lower}) {
      store_part(row + left, count, share);
      store_part(row + right, count, share);
    }
  });
}

template <class T>
PoolPixelTable<T> pixel_table() {
  return {&max_pixels<T>, &max_pixels_grad<T>, &average_pixels<T>, &average_pixels_grad<T>};
}

}  // namespace

void fill_pool(PoolTable& table) {
  table =
      PoolTable{&max, &average, &average_grad, pixel_table<float>(), pixel_table<std::uint16_t>()};
}

}  // namespace tt::kernels::TT_ISA
