// Compiled once per instruction set. See gemm_s8.hpp for what the functions compute.
#include "tinytorch/kernels/gemm_s8/gemm_s8.hpp"

#include "tinytorch/kernels/gemm_s8/dot.hpp"

namespace tt::kernels::TT_ISA {
namespace {

using Code = Dot::Code;

// One group of k: sum[row][vector] += A[row, group] B[group, vector].
template <int Rows>
inline void step(const S8Panel& p, const std::byte* a, std::int64_t group,
                 Dot::Acc (&sum)[Rows][Dot::kVectors]) {
  const std::int8_t* b = p.b + group * (kPanel * Dot::kStep);
  Dot::Rhs columns[Dot::kVectors];
  for (int v = 0; v < Dot::kVectors; ++v) {
    columns[v] = Dot::load(b + v * static_cast<int>(W) * Dot::kStep);
  }
  for (int r = 0; r < Rows; ++r) {
    const auto row = Dot::broadcast(reinterpret_cast<const Code*>(a + r * p.a_row) +
                                    group * Dot::kStep);
    for (int v = 0; v < Dot::kVectors; ++v) sum[r][v] = Dot::dot(sum[r][v], row, columns[v]);
  }
}

// acc = rows [0, Rows) of A times the panel. With one or two rows there are too few independent
// sums to hide the latency of a dot product, so even and odd groups are summed apart.
template <int Rows>
inline void accumulate(const S8Panel& p, const std::byte* a, I32 (&acc)[Rows][Dot::kVectors]) {
  constexpr bool kTwoWays = Rows <= 2;
  Dot::Acc even[Rows][Dot::kVectors], odd[Rows][Dot::kVectors];
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < Dot::kVectors; ++v) even[r][v] = odd[r][v] = I32(0);
  }
  std::int64_t group = 0;
  if constexpr (kTwoWays) {
    for (; group + 2 <= p.groups; group += 2) {
      step(p, a, group, even);
      step(p, a, group + 1, odd);
    }
  }
  for (; group < p.groups; ++group) step(p, a, group, even);
  for (int v = 0; v < Dot::kVectors; ++v) {
    // Takes back the encoding's offset: sum (a + zero) b - zero * sum b.
    I32 offset(0);
    if constexpr (Dot::kZero != 0) {
      offset = I32::load_unaligned(p.column_sums + v * static_cast<int>(W)) * I32(-Dot::kZero);
    }
    for (int r = 0; r < Rows; ++r) {
      acc[r][v] = I32(even[r][v]) + offset;
      if constexpr (kTwoWays) acc[r][v] = acc[r][v] + I32(odd[r][v]);
    }
  }
}

struct StoreSums {
  std::int32_t* acc;
  std::int64_t acc_row;

  template <int Rows>
  void whole(std::int64_t row, I32 (&sums)[Rows][Dot::kVectors]) const {
    for (int r = 0; r < Rows; ++r) {
      for (int v = 0; v < Dot::kVectors; ++v) {
        sums[r][v].store_unaligned(acc + (row + r) * acc_row + v * static_cast<int>(W));
      }
    }
  }
  void one(std::int64_t row, int col, std::int32_t sum) const { acc[row * acc_row + col] = sum; }
};

struct StoreScaled {
  S8Scaling s;

  template <int Rows>
  void whole(std::int64_t row, I32 (&sums)[Rows][Dot::kVectors]) const {
    for (int v = 0; v < Dot::kVectors; ++v) {
      const int col = v * static_cast<int>(W);
      const F32 scale = load(s.col_scale + col);
      const F32 bias = s.bias ? load(s.bias + col) : F32(0.0f);
      for (int r = 0; r < Rows; ++r) {
        F32 y = xsimd::to_float(sums[r][v]) * F32(s.row_scale[row + r]) * scale;
        if (s.bias) y = y + bias;
        store(s.y + (row + r) * s.y_row + col, y);
      }
    }
  }
  void one(std::int64_t row, int col, std::int32_t sum) const {
    float y = static_cast<float>(sum) * s.row_scale[row] * s.col_scale[col];
    if (s.bias) y = y + s.bias[col];
    s.y[row * s.y_row + col] = y;
  }
};

template <int Rows, class Store>
inline void block(const S8Panel& p, std::int64_t row, const Store& out) {
  I32 sums[Rows][Dot::kVectors];
  accumulate<Rows>(p, p.a + row * p.a_row, sums);
  if (p.cols == kPanel) {
    out.template whole<Rows>(row, sums);
    return;
  }
  for (int r = 0; r < Rows; ++r) {
    alignas(64) std::int32_t line[kPanel];
    for (int v = 0; v < Dot::kVectors; ++v) sums[r][v].store_aligned(line + v * static_cast<int>(W));
    for (int c = 0; c < p.cols; ++c) out.one(row + r, c, line[c]);
  }
}

// The rows left over after whole blocks: fewer than Rows of them.
template <int Rows, class Store>
inline void remainder(const S8Panel& p, std::int64_t row, std::int64_t count, const Store& out) {
  if constexpr (Rows > 0) {
    if (count == Rows) {
      block<Rows>(p, row, out);
    } else {
      remainder<Rows - 1>(p, row, count, out);
    }
  }
}

template <class Store>
inline void all_rows(const S8Panel& p, const Store& out) {
  std::int64_t row = 0;
  for (; row + Dot::kRows <= p.rows; row += Dot::kRows) block<Dot::kRows>(p, row, out);
  remainder<Dot::kRows - 1>(p, row, p.rows - row, out);
}

void multiply(const S8Panel& p, std::int32_t* acc, std::int64_t acc_row) {
  all_rows(p, StoreSums{acc, acc_row});
}

void multiply_scaled(const S8Panel& p, const S8Scaling& s) { all_rows(p, StoreScaled{s}); }

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
  t = GemmS8Table{kPanel,   Dot::kStep,      Dot::kRows,   static_cast<int>(sizeof(Code)),
                  Dot::kZero, multiply,      multiply_scaled, abs_max_bits,
                  quantize, encode};
}

}  // namespace tt::kernels::TT_ISA
