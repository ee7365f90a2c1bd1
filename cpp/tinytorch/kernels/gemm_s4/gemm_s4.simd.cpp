// Compiled once per instruction set. See gemm_s4.hpp for what the functions compute.
#include "tinytorch/kernels/gemm_s4/gemm_s4.hpp"

#include "tinytorch/kernels/gemm_s4/nibbles.simd.hpp"

namespace tt::kernels::TT_ISA {
namespace {

constexpr int kWidth = static_cast<int>(W);
#if defined(TT_ISA_avx512) || defined(TT_ISA_avx512_vnni)
constexpr int kVectors = 4;
#else
constexpr int kVectors = 2;
#endif
constexpr int kColumns = kVectors * kWidth, kRows = 4;
constexpr std::int64_t kVectorBytes = kS4Group / 2 * kWidth;  // of a group
constexpr std::int64_t kAheadGroups = 3;

// bfloat16 scales as floats.
inline F32 load_scales(const std::byte* p) {
#if defined(__AVX512F__)
  const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return as_float(I32(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16)));
#elif defined(__AVX2__)
  const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return as_float(I32(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16)));
#elif defined(__x86_64__)
  const __m128i half = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return as_float(I32(_mm_unpacklo_epi16(_mm_setzero_si128(), half)));
#else
  const uint16x4_t half = vld1_u16(reinterpret_cast<const std::uint16_t*>(p));
  return as_float(I32(vreinterpretq_s32_u32(vshll_n_u16(half, 16))));
#endif
}

// A single row waits for the weights, which the hardware alone fetches too late.
inline void fetch(const std::byte* p) {
  TT_UNROLL for (std::int64_t line = 0; line < kVectorBytes; line += 64) {
    __builtin_prefetch(p + line);
  }
}

// Some rows against V vectors of a panel's columns.
template <int Rows, int V>
inline void block(const S4Product& p, const std::byte* panel, std::int64_t row, int first_vector,
                  int cols, float* y) {
  F32::register_type sums[Rows][V];
  TT_UNROLL for (int r = 0; r < Rows; ++r) {
    TT_UNROLL for (int v = 0; v < V; ++v) sums[r][v] = F32(0.0f);
  }
  for (std::int64_t g = 0; g < p.groups; ++g) {
    const std::byte* group = panel + g * s4_group_bytes(kColumns);
    TT_UNROLL for (int v = 0; v < V; ++v) {
      Nibbles weights;
      const std::byte* codes = group + (first_vector + v) * kVectorBytes;
      if constexpr (Rows == 1) fetch(codes + kAheadGroups * s4_group_bytes(kColumns));
      weights.load(codes);
      const F32 scale =
          load_scales(group + kVectors * kVectorBytes + 2 * (first_vector + v) * kWidth);
      TT_UNROLL for (int r = 0; r < Rows; ++r) {
        const std::int64_t at = (row + r) * p.groups + g;
        const I32 exact = weights.dot(p.x.codes + at * kS4Group, p.x.offsets[at]);
        sums[r][v] = F32(sums[r][v]) + xsimd::to_float(exact) * (scale * F32(p.x.scales[at]));
      }
    }
  }
  TT_UNROLL for (int r = 0; r < Rows; ++r) {
    TT_UNROLL for (int v = 0; v < V; ++v) {
      const int column = (first_vector + v) * kWidth;
      if (column >= cols) continue;
      F32 value(sums[r][v]);
      const bool whole = column + kWidth <= cols;
      const auto lanes = static_cast<std::size_t>(cols - column);
      if (p.bias != nullptr) {
        const float* bias = p.bias + (y - p.y) + column;
        value = value + (whole ? load(bias) : load_n(bias, lanes));
      }
      float* to = y + (row + r) * p.y_row + column;
      if (p.accumulate) value = (whole ? load(to) : load_n(to, lanes)) + value;
      whole ? store(to, value) : store_n(to, lanes, value);
    }
  }
}

// Few sums at a time, so that they and the weights stay in registers.
template <int Rows>
inline void rows_of(const S4Product& p, const std::byte* panel, std::int64_t row, int cols,
                    float* y) {
  constexpr int kTogether = Rows == 1 ? kVectors : 1;
  for (int v = 0; v < kVectors && v * kWidth < cols; v += kTogether) {
    block<Rows, kTogether>(p, panel, row, v, cols, y);
  }
}

void multiply(const S4Product& p) {
  const std::int64_t panel_bytes = p.groups * s4_group_bytes(kColumns);
  for (std::int64_t j = 0; j < p.cols; j += kColumns) {
    const std::byte* panel = p.panels + j / kColumns * panel_bytes;
    const int cols = static_cast<int>(p.cols - j < kColumns ? p.cols - j : kColumns);
    std::int64_t row = 0;
    for (; row + kRows <= p.rows; row += kRows) rows_of<kRows>(p, panel, row, cols, p.y + j);
    for (; row < p.rows; ++row) rows_of<1>(p, panel, row, cols, p.y + j);
  }
}

// The largest magnitude's bits, as integers in the order of the values.
inline std::int32_t most_bits(const float* x, std::int64_t n) {
  std::int32_t most = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    std::int32_t bits;
    __builtin_memcpy(&bits, x + i, sizeof bits);
    bits &= 0x7fffffff;
    most = bits > most ? bits : most;
  }
  return most;
}

// Adding 1.5 * 2^23 rounds to an integer, half to even, and leaves it in the low bits.
inline std::int32_t quantize_group(const float* x, std::int64_t n, float inverse,
                                   std::int8_t* codes) {
  constexpr float kMagic = 12582912.0f;
  std::int32_t sum = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    float v = x[i] * inverse;
    v = v > -127.0f ? v : -127.0f;
    v = v < 127.0f ? v : 127.0f;
    const float shifted = v + kMagic;
    std::int32_t bits;
    __builtin_memcpy(&bits, &shifted, sizeof bits);
    const std::int32_t q = bits - 0x4b400000;
    codes[i] = static_cast<std::int8_t>(q);
    sum += q;
  }
  return sum;
}

void quantize(const float* x, std::int64_t k, std::int8_t* codes, float* scales,
              std::int32_t* offsets) {
  constexpr std::int32_t kInfinity = 0x7f800000, kTiny = (127 - 100) << 23;  // 2^-100
  for (std::int64_t g = 0; g * kS4Group < k; ++g) {
    const std::int64_t left = k - g * kS4Group, n = left < kS4Group ? left : kS4Group;
    std::int32_t bits = most_bits(x + g * kS4Group, n);
    const bool finite = bits < kInfinity;
    if (!finite) bits = 0x7fc00000;
    if (bits < kTiny) bits = kTiny;
    float most;
    __builtin_memcpy(&most, &bits, sizeof most);
    scales[g] = most / 127.0f;
    std::int8_t* out = codes + g * kS4Group;
    if (n < kS4Group) __builtin_memset(out, 0, kS4Group);
    offsets[g] = -8 * quantize_group(x + g * kS4Group, n, finite ? 127.0f / most : 0.0f, out);
  }
}

}  // namespace

void fill_gemm_s4(GemmS4Table& t) { t = GemmS4Table{kColumns, kWidth, multiply, quantize}; }

}  // namespace tt::kernels::TT_ISA
