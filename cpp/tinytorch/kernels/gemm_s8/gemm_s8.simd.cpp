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

template <int Rows>
struct Sums {
  Dot::Acc at[Rows][Dot::kVectors];

  [[gnu::always_inline]] void clear() {
    unrolled<Rows * Dot::kVectors>(
        [&](auto i) { at[i.value / Dot::kVectors][i.value % Dot::kVectors] = I32(0); });
  }
  // One group of k: at[row][vector] += A[row, group] B[group, vector].
  [[gnu::always_inline]] void add(const S8Panel& p, const std::byte* a, std::int64_t group) {
    const std::int8_t* b = p.b + group * (kPanel * Dot::kStep);
    Dot::Rhs columns[Dot::kVectors];
    unrolled<Dot::kVectors>([&](auto v) {
      columns[v.value] = Dot::load(b + v.value * static_cast<int>(W) * Dot::kStep);
    });
    unrolled<Rows>([&](auto r) {
      const auto* codes = reinterpret_cast<const Code*>(a + r.value * p.a_row);
      const auto row = Dot::broadcast(codes + group * Dot::kStep);
      unrolled<Dot::kVectors>([&](auto v) {
        at[r.value][v.value] = Dot::dot(at[r.value][v.value], row, columns[v.value]);
      });
    });
  }
};

// Rows [0, Rows) of A times the panel, handed to done(row, vector, sums). With one or two rows
// there are too few independent sums to hide the latency of a dot product: even and odd groups
// apart.
template <int Rows, class Done>
[[gnu::always_inline]] inline void product(const S8Panel& p, const std::byte* a, const Done& done) {
  constexpr bool kTwoWays = Rows <= 2;
  Sums<Rows> even, odd;
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
  unrolled<Dot::kVectors>([&](auto v) {
    // Takes back the encoding's offset: sum (a + zero) b - zero * sum b.
    I32 offset(0);
    if constexpr (Dot::kZero != 0) {
      offset =
          I32::load_unaligned(p.column_sums + v.value * static_cast<int>(W)) * I32(-Dot::kZero);
    }
    unrolled<Rows>([&](auto r) {
      I32 sum = I32(even.at[r.value][v.value]) + offset;
      if constexpr (kTwoWays) sum = sum + I32(odd.at[r.value][v.value]);
      done(r.value, v.value * static_cast<int>(W), sum);
    });
  });
}

struct StoreSums {
  std::int32_t* acc;
  std::int64_t acc_row;

  void vector(std::int64_t row, int col, I32 sums) const {
    sums.store_unaligned(acc + row * acc_row + col);
  }
  void one(std::int64_t row, int col, std::int32_t sum) const { acc[row * acc_row + col] = sum; }
};

struct StoreScaled {
  S8Scaling s;

  void vector(std::int64_t row, int col, I32 sums) const {
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

// Out of line: the last, narrower panel is not worth code in every block.
template <class Store>
[[gnu::noinline]] void store_partial(const std::int32_t* tile, std::int64_t row, int rows, int cols,
                                     const Store& out) {
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < cols; ++c) out.one(row + r, c, tile[r * kPanel + c]);
  }
}

template <int Rows, class Store>
inline void block(const S8Panel& p, std::int64_t row, const Store& out) {
  const std::byte* a = p.a + row * p.a_row;
  if (p.cols == kPanel) {
    product<Rows>(p, a, [&](int r, int col, I32 sums) { out.vector(row + r, col, sums); });
    return;
  }
  alignas(64) std::int32_t tile[Rows * kPanel];
  product<Rows>(p, a,
                [&](int r, int col, I32 sums) { sums.store_aligned(tile + r * kPanel + col); });
  store_partial(tile, row, Rows, p.cols, out);
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
  t = GemmS8Table{kPanel,     Dot::kStep, Dot::kRows,      static_cast<int>(sizeof(Code)),
                  Dot::kZero, multiply,   multiply_scaled, abs_max_bits,
                  quantize,   encode};
}

}  // namespace tt::kernels::TT_ISA
