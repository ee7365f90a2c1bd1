// Compiled once per instruction set. See gemm_s8.hpp for what the functions compute.
#include "tinytorch/kernels/gemm_s8/gemm_s8.hpp"

#include "tinytorch/kernels/gemm_s8/dot.hpp"

namespace tt::kernels::TT_ISA {
namespace {

using Code = Dot::Code;

template <int N>
struct Constant {
  static constexpr int value = N;
};

// f(0), f(1), ..., f(N - 1) with constant arguments: arrays indexed by them stay in registers.
template <int N, class Fn>
[[gnu::always_inline]] inline void unrolled(const Fn& f) {
  if constexpr (N > 0) {
    unrolled<N - 1>(f);
    f(Constant<N - 1>{});
  }
}

// Sums of a few rows and the first few vectors of columns.
template <int Rows, int Vectors>
struct Sums {
  Dot::Acc at[Rows][Vectors];

  [[gnu::always_inline]] void clear() {
    unrolled<Rows * Vectors>([&](auto i) { at[i.value / Vectors][i.value % Vectors] = I32(0); });
  }
  // One group of k: at[row][vector] += A[row, group] B[group, vector].
  [[gnu::always_inline]] void add(const S8Panel& p, const std::byte* a, std::int64_t group) {
    const std::int8_t* b = p.b + group * (kPanel * Dot::kStep);
    Dot::Rhs columns[Vectors];
    unrolled<Vectors>(
        [&](auto v) { columns[v.value] = Dot::load(b + v.value * kWidth * Dot::kStep); });
    unrolled<Rows>([&](auto r) {
      const auto* codes = reinterpret_cast<const Code*>(a + r.value * p.a_row);
      const auto row = Dot::broadcast(codes + group * Dot::kStep);
      unrolled<Vectors>([&](auto v) {
        at[r.value][v.value] = Dot::dot(at[r.value][v.value], row, columns[v.value]);
      });
    });
  }
};

// Rows [0, Rows) of A times the panel, handed to done(row, column, sums). Few independent sums
// cannot hide the latency of a dot product: then even and odd groups are summed apart.
template <int Rows, int Vectors, class Done>
[[gnu::always_inline]] inline void product(const S8Panel& p, const std::byte* a, const Done& done) {
  constexpr bool kTwoWays = 2 * Rows * Vectors <= Dot::kRows * Dot::kVectors;
  Sums<Rows, Vectors> even, odd;
  even.clear();
  std::int64_t group = 0;
  if constexpr (kTwoWays) {
    odd.clear();
    for (; group + 2 <= p.groups; group += 2) {
      even.add(p, a, group);
      odd.add(p, a, group + 1);
    }
  }
  for (; group < p.groups; ++group) even.add(p, a, group);
  unrolled<Vectors>([&](auto v) {
    // Takes back the encoding's offset: sum (a + zero) b - zero * sum b.
    I32 offset(0);
    if constexpr (Dot::kZero != 0) {
      offset = I32::load_unaligned(p.column_sums + v.value * kWidth) * I32(-Dot::kZero);
    }
    unrolled<Rows>([&](auto r) {
      I32 sum = I32(even.at[r.value][v.value]) + offset;
      if constexpr (kTwoWays) sum = sum + I32(odd.at[r.value][v.value]);
      done(r.value, v.value * kWidth, sum);
    });
  });
}

struct StoreSums {
  std::int32_t* acc;
  std::int64_t acc_row;

  [[gnu::always_inline]] void vector(std::int64_t row, int col, I32 sums) const {
    sums.store_unaligned(acc + row * acc_row + col);
  }
  void one(std::int64_t row, int col, std::int32_t sum) const { acc[row * acc_row + col] = sum; }
};

struct StoreScaled {
  S8Scaling s;

  [[gnu::always_inline]] void vector(std::int64_t row, int col, I32 sums) const {
    F32 y = xsimd::to_float(sums) * F32(s.row_scale[row]) * load(s.col_scale + col);
    if (s.bias) y = y + load(s.bias + col);
    store(s.y + row * s.y_row + col, y);
  }
  void one(std::int64_t row, int col, std::int32_t sum) const {
    float y = static_cast<float>(sum) * s.row_scale[row] * s.col_scale[col];
    if (s.bias) y = y + s.bias[col];
    s.y[row * s.y_row + col] = y;
  }
};

// The first `count` columns of a vector. Out of line: only the last panel needs it.
template <class Store>
[[gnu::noinline]] void store_part(const I32& sums, std::int64_t row, int col, int count,
                                  const Store& out) {
  alignas(64) std::int32_t line[kWidth];
  sums.store_aligned(line);
  for (int c = 0; c < count; ++c) out.one(row, col + c, line[c]);
}

template <int Rows, int Vectors, class Store>
inline void block(const S8Panel& p, std::int64_t row, const Store& out) {
  product<Rows, Vectors>(p, p.a + row * p.a_row, [&](int r, int col, I32 sums) {
    if (col + kWidth <= p.cols) {
      out.vector(row + r, col, sums);
    } else {
      store_part(sums, row + r, col, p.cols - col, out);
    }
  });
}

// The rows left over after whole blocks: at most Rows of them.
template <int Rows, int Vectors, class Store>
inline void remainder(const S8Panel& p, std::int64_t row, std::int64_t count, const Store& out) {
  if constexpr (Rows > 0) {
    if (count == Rows) {
      block<Rows, Vectors>(p, row, out);
    } else {
      remainder<Rows - 1, Vectors>(p, row, count, out);
    }
  }
}

// All rows, with as many vectors as the panel's columns need.
template <int Vectors, class Store>
inline void all_rows(const S8Panel& p, const Store& out) {
  if constexpr (Vectors > 1) {
    if (p.cols <= (Vectors - 1) * kWidth) {
      all_rows<Vectors - 1>(p, out);
      return;
    }
  }
  std::int64_t row = 0;
  for (; row + Dot::kRows <= p.rows; row += Dot::kRows) block<Dot::kRows, Vectors>(p, row, out);
  remainder<Dot::kRows - 1, Vectors>(p, row, p.rows - row, out);
}

void multiply(const S8Panel& p, std::int32_t* acc, std::int64_t acc_row) {
  all_rows<Dot::kVectors>(p, StoreSums{acc, acc_row});
}

void multiply_scaled(const S8Panel& p, const S8Scaling& s) {
  all_rows<Dot::kVectors>(p, StoreScaled{s});
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
  t = GemmS8Table{kPanel,     Dot::kStep, Dot::kRows,      static_cast<int>(sizeof(Code)),
                  Dot::kZero, multiply,   multiply_scaled, abs_max_bits,
                  quantize,   encode};
}

}  // namespace tt::kernels::TT_ISA
