// Compiled once per instruction set. See gemm_bf16.hpp for what the functions compute.
#include "tinytorch/kernels/gemm_bf16/gemm_bf16.hpp"

#include "tinytorch/kernels/gemm_bf16/encode.simd.hpp"
#include "tinytorch/kernels/panels.simd.hpp"

namespace tt::kernels::TT_ISA {
namespace {

using Code = DotBf16::Code;

struct Output {
  using Sum = float;
  PanelOutput o;

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

void multiply(const PanelProduct& p, const PanelOutput& out) {
  all_panels<DotBf16>(p, Output{out});
}

void encode(const float* x, void* codes, std::size_t n) {
  encode_row(x, static_cast<Code*>(codes), static_cast<std::int64_t>(n));
}

void encode_columns(const float* x, std::int64_t step, std::int64_t rows, std::int64_t k,
                    void* codes, std::int64_t row_bytes) {
  constexpr std::int64_t kSize = sizeof(Code), kDepth = kLanes * 4 / kSize;
  auto* to = static_cast<std::byte*>(codes);
  for (std::int64_t p = 0; p < k; p += kDepth) {
    for (std::int64_t r = 0; r < rows; r += kLanes) {
      encode_turned<Code>(x + p * step + r, step, rows - r < kLanes ? rows - r : kLanes,
                          k - p < kDepth ? k - p : kDepth, to + r * row_bytes + p * kSize,
                          row_bytes);
    }
  }
}

// Columns of any strides, one value at a time.
void pack_strided(const float* b, std::int64_t row, std::int64_t col, std::int64_t k,
                  std::int64_t cols, std::int64_t width, float* out) {
  for (std::int64_t p = 0; p < k; p += 2, out += width) {
    for (std::int64_t c = 0; c < width; c += kLanes) {
      alignas(64) float pair[2][W] = {};
      for (std::int64_t i = 0; i < kLanes && c + i < cols; ++i) {
        pair[0][i] = b[p * row + (c + i) * col];
        if (p + 1 < k) pair[1][i] = b[(p + 1) * row + (c + i) * col];
      }
      store(out + c, paired(F32::load_aligned(pair[0]), F32::load_aligned(pair[1])));
    }
  }
}

// Zeros for the groups beyond k.
void pad_groups(float* panel, std::int64_t k) {
  constexpr std::int64_t kColumns = kPanelColumns<DotBf16>;
  constexpr std::int64_t kAlign = DotBf16::kStep * kPanelGroupAlign;
  const std::int64_t groups = (k + 1) / 2, padded = (k + kAlign - 1) / kAlign * (kAlign / 2);
  for (std::int64_t i = groups * kColumns; i < padded * kColumns; i += kLanes) {
    store(panel + i, F32(0.0f));
  }
}

void pack(const float* b, std::int64_t row, std::int64_t col, std::int64_t k, std::int64_t cols,
          void* panel) {
  constexpr std::int64_t kColumns = kPanelColumns<DotBf16>;
  auto* out = static_cast<float*>(panel);  // a group of a column is as long as a float
  if (col == 1) {
    for (std::int64_t p = 0; p < k; p += 2) {
      pack_rows_pair(b + p * row, p + 1 < k ? b + (p + 1) * row : nullptr, cols, kColumns,
                     out + p / 2 * kColumns);
    }
  } else if (row == 1) {
    for (std::int64_t p = 0; p < k; p += kLanes) {
      for (std::int64_t c = 0; c < kColumns; c += kLanes) {
        pack_turned(b + p + c * col, col, k - p < kLanes ? k - p : kLanes, cols - c, kColumns,
                    out + p / 2 * kColumns + c);
      }
    }
  } else {
    pack_strided(b, row, col, k, cols, kColumns, out);
  }
  pad_groups(out, k);
}

#if defined(TT_ISA_avx512_bf16) || defined(TT_ISA_amx)
void turn_codes(const std::uint16_t* x, std::int64_t step, std::int64_t rows, std::int64_t k,
                void* codes, std::int64_t row_bytes) {
  auto* to = static_cast<std::byte*>(codes);
  for (std::int64_t p = 0; p < k; p += 2 * kLanes, to += 4 * kLanes) {
    for (std::int64_t r = 0; r < rows; r += kLanes) {
      turn_code_pairs(x + p * step + r, step, k - p, to + r * row_bytes, row_bytes);
    }
  }
}

void pack_codes(const std::uint16_t* b, std::int64_t row, std::int64_t k, std::int64_t cols,
                void* panel) {
  auto* out = static_cast<float*>(panel);
  for (std::int64_t p = 0; p < k; p += 2) {
    const std::uint16_t* first = b + p * row;
    for (std::int64_t c = 0; c < kPanelColumns<DotBf16>; c += kLanes, out += kLanes) {
      store(out,
            c < cols ? code_pairs(first + c, p + 1 < k ? first + row + c : nullptr) : F32(0.0f));
    }
  }
  pad_groups(static_cast<float*>(panel), k);
}
#else
constexpr auto turn_codes = nullptr, pack_codes = nullptr;
#endif

}  // namespace

void fill_gemm_bf16(GemmBf16Table& t) {
  t = GemmBf16Table{
      panel_shape<DotBf16>(), multiply, encode, encode_columns, pack, turn_codes, pack_codes};
}

}  // namespace tt::kernels::TT_ISA
