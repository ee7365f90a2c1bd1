// Compiled once per instruction set. See gemm_bf16.hpp for what the functions compute.
#include "tinytorch/kernels/gemm_bf16/gemm_bf16.hpp"

#include "tinytorch/kernels/gemm_bf16/dot.simd.hpp"
#include "tinytorch/kernels/panels.simd.hpp"

namespace tt::kernels::TT_ISA {
namespace {

using Code = DotBf16::Code;

struct Output {
  using Sum = float;
  Bf16Output o;

  template <int Vectors>
  struct Columns {
    Columns(const Output& out, std::int64_t first)
        : y(out.o.y + first),
          y_row(out.o.y_row),
          accumulate(out.o.accumulate),
          biased(out.o.bias != nullptr) {
      TT_UNROLL for (int v = 0; v < Vectors; ++v) {
        if (biased) bias[v] = load(out.o.bias + first + v * kWidth);
      }
    }
    [[gnu::always_inline]] void put(std::int64_t row, int v, DotBf16::Acc sums) const {
      float* to = y + row * y_row + v * kWidth;
      F32 value(sums);
      if (accumulate) value = load(to) + value;
      if (biased) value = value + bias[v];
      store(to, value);
    }
    float* y;
    std::int64_t y_row;
    bool accumulate, biased;
    F32 bias[Vectors];
  };
  void one(std::int64_t row, std::int64_t col, float sum) const {
    float& y = o.y[row * o.y_row + col];
    float value = o.accumulate ? y + sum : sum;
    if (o.bias != nullptr) value = value + o.bias[col];
    y = value;
  }
};

void multiply(const PanelProduct& p, const Bf16Output& out) { all_panels<DotBf16>(p, Output{out}); }

// Round to nearest even in integers: on normal numbers what the hardware's conversion gives. NaN
// stays NaN.
inline std::uint32_t rounded_bits(float x) {
  std::uint32_t u;
  __builtin_memcpy(&u, &x, sizeof u);
  const std::uint32_t up = u + 0x7fffu + ((u >> 16) & 1u);
  return (u & 0x7fffffffu) > 0x7f800000u ? u | 0x400000u : up;
}
inline std::uint16_t to_bf16(float x) { return static_cast<std::uint16_t>(rounded_bits(x) >> 16); }
inline void put_code(std::uint16_t* to, float x) { *to = to_bf16(x); }
inline void put_code(float* to, float x) {
  const std::uint32_t bits = rounded_bits(x) & 0xffff0000u;
  __builtin_memcpy(to, &bits, sizeof bits);
}

void encode(const float* x, void* codes, std::size_t n) {
  Code* to = static_cast<Code*>(codes);
  for (std::size_t i = 0; i < n; ++i) put_code(to + i, x[i]);
  if (n % 2 != 0) put_code(to + n, 0.0f);
}

// Two rows of B side by side, column by column: one group.
inline void pack_group(const float* first, const float* second, std::int64_t col, std::int64_t cols,
                       std::uint16_t* out) {
  for (std::int64_t c = 0; c < cols; ++c) {
    out[2 * c] = to_bf16(first[c * col]);
    out[2 * c + 1] = second == nullptr ? std::uint16_t{0} : to_bf16(second[c * col]);
  }
}

void pack(const float* b, std::int64_t row, std::int64_t col, std::int64_t k, std::int64_t cols,
          void* panel) {
  constexpr std::int64_t kColumns = kPanelColumns<DotBf16>;
  constexpr std::int64_t kAlign = DotBf16::kStep * kPanelGroupAlign;
  auto* out = static_cast<std::uint16_t*>(panel);
  for (std::int64_t p = 0; p < (k + kAlign - 1) / kAlign * kAlign; p += 2, out += 2 * kColumns) {
    if (p >= k || cols < kColumns) __builtin_memset(out, 0, 4 * kColumns);
    if (p >= k) continue;
    pack_group(b + p * row, p + 1 < k ? b + (p + 1) * row : nullptr, col, cols, out);
  }
}

}  // namespace

void fill_gemm_bf16(GemmBf16Table& t) {
  t = GemmBf16Table{panel_shape<DotBf16>(), multiply, encode, pack};
}

}  // namespace tt::kernels::TT_ISA
