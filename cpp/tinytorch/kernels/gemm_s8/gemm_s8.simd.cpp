// Compiled once per instruction set. See gemm_s8.hpp for what the functions compute.
#include "tinytorch/kernels/gemm_s8/gemm_s8.hpp"

#include "tinytorch/kernels/gemm_s8/dot.simd.hpp"
#include "tinytorch/kernels/panels.simd.hpp"

namespace tt::kernels::TT_ISA {
namespace {

using Code = Dot::Code;

// What takes back the encoding's offset: sum (a + zero) b - zero * sum b.
template <int Vectors>
struct Offsets {
  I32 of[Vectors];
  explicit Offsets(const std::int32_t* column_sums) {
    TT_UNROLL for (int v = 0; v < Vectors; ++v) {
      of[v] = Dot::kZero == 0 ? I32(0)
                              : I32::load_unaligned(column_sums + v * kWidth) * I32(-Dot::kZero);
    }
  }
};

struct StoreSums {
  using Sum = std::int32_t;
  const std::int32_t* column_sums;
  std::int32_t* acc;
  std::int64_t acc_row;

  template <int Vectors>
  struct Columns {
    Columns(const StoreSums& s, std::int64_t first)
        : offset(s.column_sums + first), acc(s.acc + first), acc_row(s.acc_row) {}
    [[gnu::always_inline]] void put(std::int64_t row, int v, Dot::Acc sums) const {
      (I32(sums) + offset.of[v]).store_unaligned(acc + row * acc_row + v * kWidth);
    }
    Offsets<Vectors> offset;
    std::int32_t* acc;
    std::int64_t acc_row;
  };
  void one(std::int64_t row, std::int64_t col, std::int32_t sum) const {
    acc[row * acc_row + col] = from_zero(sum, column_sums[col]);
  }
};

struct StoreScaled {
  using Sum = std::int32_t;
  const std::int32_t* column_sums;
  S8Scaling s;

  template <int Vectors>
  struct Columns {
    Columns(const StoreScaled& out, std::int64_t first)
        : offset(out.column_sums + first),
          rows(out.s.row_scale),
          y(out.s.y + first),
          y_row(out.s.y_row),
          biased(out.s.bias != nullptr),
          accumulate(out.s.accumulate) {
      TT_UNROLL for (int v = 0; v < Vectors; ++v) {
        scale[v] = load(out.s.col_scale + first + v * kWidth);
        if (biased) bias[v] = load(out.s.bias + first + v * kWidth);
      }
    }
    [[gnu::always_inline]] void put(std::int64_t row, int v, Dot::Acc sums) const {
      F32 value = xsimd::to_float(I32(sums) + offset.of[v]) * F32(rows[row]) * scale[v];
      if (biased) value = value + bias[v];
      float* to = y + row * y_row + v * kWidth;
      if (accumulate) value = load(to) + value;
      store(to, value);
    }
    Offsets<Vectors> offset;
    const float* rows;
    float* y;
    std::int64_t y_row;
    bool biased, accumulate;
    F32 scale[Vectors], bias[Vectors];
  };
  void one(std::int64_t row, std::int64_t col, std::int32_t sum) const {
    const std::int32_t exact = from_zero(sum, column_sums[col]);
    float value = static_cast<float>(exact) * s.row_scale[row] * s.col_scale[col];
    if (s.bias) value = value + s.bias[col];
    float& y = s.y[row * s.y_row + col];
    y = s.accumulate ? y + value : value;
  }
};

void multiply(const S8Product& p, std::int32_t* acc, std::int64_t acc_row) {
  all_panels<Dot>(p, StoreSums{p.column_sums, acc, acc_row});
}

void multiply_scaled(const S8Product& p, const S8Scaling& s) {
  all_panels<Dot>(p, StoreScaled{p.column_sums, s});
}

// Of non-negative floats, the bits are ordered as the values, and NaN is above infinity.
std::uint32_t abs_max_bits(const float* x, std::size_t n) {
  std::int32_t most = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t bits = read_as<std::int32_t>(x + i) & 0x7fffffff;
    most = bits > most ? bits : most;
  }
  return static_cast<std::uint32_t>(most);
}

// Adding 1.5 * 2^23 rounds to an integer, half to even, and leaves it in the low bits.
void quantize(const float* x, void* codes, std::size_t n, float inverse_scale) {
  constexpr float kMagic = 12582912.0f;
  constexpr std::int32_t kMagicBits = 0x4b400000;
  Code* out = static_cast<Code*>(codes);
  for (std::size_t i = 0; i < n; ++i) {
    float v = x[i] * inverse_scale;
    v = v > -127.0f ? v : -127.0f;
    v = v < 127.0f ? v : 127.0f;
    const float shifted = v + kMagic;
    const std::int32_t q = read_as<std::int32_t>(&shifted) - kMagicBits;
    out[i] = static_cast<Code>(q + Dot::kZero);
  }
}

void encode(const std::int8_t* q, void* codes, std::size_t n) {
  Code* out = static_cast<Code*>(codes);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<Code>(q[i] + Dot::kZero);
}

}  // namespace

void fill_gemm_s8(GemmS8Table& t) {
  t.shape = panel_shape<Dot>();
  t.zero_code = Dot::kZero;
  t.multiply = multiply;
  t.multiply_scaled = multiply_scaled;
  t.abs_max_bits = abs_max_bits;
  t.quantize = quantize;
  t.encode = encode;
}

}  // namespace tt::kernels::TT_ISA
