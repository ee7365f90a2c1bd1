#include "tinytorch/kernels/peak/peak.hpp"

#include "tinytorch/kernels/gemm_bf16/dot.simd.hpp"
#include "tinytorch/kernels/gemm_s8/dot.simd.hpp"
#include "tinytorch/kernels/row_map.hpp"
#if defined(TT_ISA_amx)
#include "tinytorch/kernels/tiles.simd.hpp"
#endif

namespace tt::kernels::TT_ISA {
namespace {

// As many sums as hide the latency of a multiply-add: 4 cycles at 2 a cycle, and some to spare.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kSums = 16;
#else
constexpr int kSums = 10;
#endif

// From here the compiler knows nothing of v: equal sums stay apart, known products are computed.
template <class T>
inline void forget(T& v) {
  __asm__ volatile("" : "+m"(v));
}

template <class Sum, class Step>
inline void run_rounds(Sum (&sums)[kSums], std::int64_t rounds, Step step) {
  TT_UNROLL for (int i = 0; i < kSums; ++i) forget(sums[i]);
  for (std::int64_t r = 0; r < rounds; ++r) {
    TT_UNROLL for (int i = 0; i < kSums; ++i) sums[i] = step(sums[i]);
  }
}

double f32(std::int64_t rounds) {
  F32 sums[kSums], a(1.0f), b(1.0f);
  for (F32& s : sums) s = F32(0.0f);
  forget(a);
  forget(b);
  run_rounds(sums, rounds, [&](F32 s) { return fma(a, b, s); });
  double total = 0;
  for (const F32& s : sums) total += static_cast<double>(sum_lanes(s));
  return total;
}

#if defined(TT_ISA_amx)

// Four tiles of sums, two of A and two of B, as the products use them.
template <class Op, class Value>
double count_in_tiles(const void* ones, std::int64_t rounds) {
  alignas(64) Value sums[4][256];
  configure_tiles(kTileRows, kTileRows);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, ones, 0);  // a step of 0: every row is the same line
  _tile_loadd(5, ones, 0);
  _tile_loadd(6, ones, 0);
  _tile_loadd(7, ones, 0);
  for (std::int64_t r = 0; r < rounds; ++r) {
    Op::upper_left();
    Op::upper_right();
    Op::lower_left();
    Op::lower_right();
  }
  _tile_stored(0, sums[0], 64);
  _tile_stored(1, sums[1], 64);
  _tile_stored(2, sums[2], 64);
  _tile_stored(3, sums[3], 64);
  _tile_release();
  double total = 0;
  for (const auto& tile : sums) {
    for (const Value v : tile) total += static_cast<double>(v);
  }
  return total;
}
double bf16(std::int64_t rounds) {
  alignas(64) std::uint16_t ones[32];
  for (std::uint16_t& v : ones) v = 0x3f80;
  return count_in_tiles<DotBf16, float>(ones, rounds);
}
double int8(std::int64_t rounds) {
  alignas(64) std::int8_t ones[64];
  for (std::int8_t& v : ones) v = 1;
  return count_in_tiles<Dot, std::int32_t>(ones, rounds);
}

#else

template <class D, class Lane>
double count_dots(const typename D::Code* code, const typename D::Weight* weights,
                  std::int64_t rounds) {
  typename D::Acc sums[kSums];
  for (auto& s : sums) s = D::zero();
  auto a = D::broadcast(code);
  auto b = D::load(weights);
  forget(a);
  forget(b);
  run_rounds(sums, rounds, [&](typename D::Acc s) { return D::dot(s, a, b); });
  double total = 0;
  for (const auto& s : sums) {
    Lane lanes[W];
    static_assert(sizeof lanes == sizeof s);
    __builtin_memcpy(lanes, &s, sizeof lanes);
    for (const Lane v : lanes) total += static_cast<double>(v);
  }
  return total;
}
double bf16(std::int64_t rounds) {
  std::uint16_t weights[32];
  for (std::uint16_t& w : weights) w = 0x3f80;
  DotBf16::Code code[2];
  for (auto& c : code) c = sizeof c == sizeof(float) ? DotBf16::Code(1) : DotBf16::Code(0x3f80);
  return count_dots<DotBf16, float>(code, weights, rounds);
}
double int8(std::int64_t rounds) {
  std::int8_t weights[64];
  for (std::int8_t& w : weights) w = 1;
  Dot::Code code[4] = {1, 1, 1, 1};
  return count_dots<Dot, std::int32_t>(code, weights, rounds);
}

#endif

float read(const float* x, std::size_t n) {
  constexpr std::size_t kVectors = 8;
  F32 sums[kVectors];
  for (F32& s : sums) s = F32(0.0f);
  std::size_t i = 0;
  // Several places at once: one stream of addresses does not keep the memory busy.
  for (; i + kVectors * kLane <= n; i += kVectors * kLane) {
    for (std::size_t j = i; j < i + kLane; j += W) {
      TT_UNROLL for (std::size_t v = 0; v < kVectors; ++v) {
        sums[v] = sums[v] + load(x + j + v * kLane);
      }
    }
  }
  for (; i + W <= n; i += W) sums[0] = sums[0] + load(x + i);
  if (i < n) sums[1] = sums[1] + load_n(x + i, n - i);
  TT_UNROLL for (std::size_t half = kVectors / 2; half > 0; half /= 2) {
    TT_UNROLL for (std::size_t v = 0; v < half; ++v) sums[v] = sums[v] + sums[v + half];
  }
  return sum_lanes(sums[0]);
}

void copy(const float* x, float* y, std::size_t n) {
  std::size_t i = until_aligned(y, n);
  if (i > 0) store_n(y, i, load_n(x, i));
  for (; i + W <= n; i += W) stream(y + i, load(x + i));
  if (i < n) store_n(y + i, n - i, load_n(x + i, n - i));
}

}  // namespace

void fill_peak(PeakTable& t) { t = {f32, bf16, int8, read, copy}; }

}  // namespace tt::kernels::TT_ISA
