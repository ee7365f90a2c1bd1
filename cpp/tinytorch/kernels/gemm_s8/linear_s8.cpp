// The front of the int8 product: quantizes rows, cuts the result into blocks of rows by panels, and
// hands them to the threads. Cuts depend on the sizes alone.
#include <algorithm>
#include <bit>
#include <limits>
#include <memory>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/gemm_s8/packed_s8.hpp"

namespace tt::kernels {
namespace {

constexpr std::int64_t kBlockBytes = 192 * 1024;  // of A, to stay in the second-level cache
constexpr std::int64_t kChunkProducts = 1 << 20;  // multiply-adds worth a thread's attention
constexpr std::int64_t kChunkValues = 1 << 14;    // likewise, values quantized
constexpr std::uint32_t kTinyBits = (127u - 100u) << 23;  // 2^-100
constexpr std::uint32_t kInfinityBits = 0x7f800000u;

// Memory without initial values; small requests stay on the stack.
template <class T, std::size_t kInline>
class Scratch {
 public:
  explicit Scratch(std::size_t n) {
    if (n > kInline) heap_.reset(new T[n]);
  }
  T* data() { return heap_ ? heap_.get() : inline_; }

 private:
  T inline_[kInline];
  std::unique_ptr<T[]> heap_;
};

std::int64_t grain_for(std::int64_t target, std::int64_t cost) {
  return std::max<std::int64_t>(1, target / std::max<std::int64_t>(1, cost));
}

std::int64_t rows_per_block(const PackedS8& b) {
  const std::int64_t mr = b.table->mr;
  const std::int64_t fit = kBlockBytes / std::max<std::int64_t>(1, b.row_bytes());
  return std::clamp<std::int64_t>(fit / mr * mr, 4 * mr, 64 * mr);
}

// Calls fn(first row, rows, panel index) over the whole product, in parallel.
template <class Fn>
void for_each_block(std::int64_t m, const PackedS8& b, Fn&& fn) {
  const std::int64_t block = std::min(rows_per_block(b), m);
  const std::int64_t blocks = (m + block - 1) / block, panels = b.panel_count();
  const std::int64_t cost = block * b.table->nr * std::max<std::int64_t>(b.k, 1);
  parallel_for(blocks * panels, grain_for(kChunkProducts, cost),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   const std::int64_t first = i / panels * block;
                   fn(first, std::min(block, m - first), i % panels);
                 }
               });
}

}  // namespace

float s8_scale(std::uint32_t abs_max_bits) {
  if (abs_max_bits >= kInfinityBits) return std::numeric_limits<float>::quiet_NaN();
  return std::bit_cast<float>(std::max(abs_max_bits, kTinyBits)) / 127.0f;
}

float s8_inverse_scale(std::uint32_t abs_max_bits) {
  if (abs_max_bits >= kInfinityBits) return 0.0f;
  return 127.0f / std::bit_cast<float>(std::max(abs_max_bits, kTinyBits));
}

void gemm_s8(const std::int8_t* a, std::int64_t m, std::int64_t a_row, const PackedS8& b,
             std::int32_t* acc, std::int64_t acc_row) {
  if (m == 0 || b.n == 0) return;
  const GemmS8Table& t = *b.table;
  const std::int64_t row_bytes = b.row_bytes();
  const std::vector<std::int8_t> zeros(static_cast<std::size_t>(b.groups * t.k_step - b.k), 0);
  Scratch<std::byte, 1024> codes(static_cast<std::size_t>(m * row_bytes));
  for (std::int64_t row = 0; row < m; ++row) {
    std::byte* out = codes.data() + row * row_bytes;
    t.encode(a + row * a_row, out, static_cast<std::size_t>(b.k));
    t.encode(zeros.data(), out + b.k * t.code_bytes, zeros.size());
  }
  for_each_block(m, b, [&](std::int64_t first, std::int64_t rows, std::int64_t index) {
    S8Panel p = b.panel(index);
    p.rows = rows;
    p.a = codes.data() + first * row_bytes;
    t.multiply(p, acc + first * acc_row + index * t.nr, acc_row);
  });
}

void gemm_s8_scaled(const std::byte* codes, std::int64_t m, const PackedS8& b,
                    const float* row_scale, const float* scale_w, const float* bias, float* y,
                    std::int64_t y_row) {
  if (m == 0 || b.n == 0) return;
  for_each_block(m, b, [&](std::int64_t first, std::int64_t rows, std::int64_t index) {
    const std::int64_t column = index * b.table->nr;
    S8Panel p = b.panel(index);
    p.rows = rows;
    p.a = codes + first * p.a_row;
    b.table->multiply_scaled(p,
                             {row_scale + first, scale_w + column, bias ? bias + column : nullptr,
                              y + first * y_row + column, y_row});
  });
}

void linear_s8(const float* x, std::int64_t m, std::int64_t x_row, const PackedS8& b,
               const float* scale_w, const float* bias, float* y, std::int64_t y_row,
               float x_scale) {
  if (m == 0 || b.n == 0) return;
  const GemmS8Table& t = *b.table;
  const std::int64_t row_bytes = b.row_bytes(), padded = b.groups * t.k_step;
  Scratch<std::byte, 4096> codes(static_cast<std::size_t>(m * row_bytes));
  Scratch<float, 64> scales(static_cast<std::size_t>(m));
  parallel_for(m, grain_for(kChunkValues, b.k), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float* values = x + row * x_row;
      std::byte* out = codes.data() + row * row_bytes;
      const std::uint32_t bits = t.abs_max_bits(values, static_cast<std::size_t>(b.k));
      const bool fixed = x_scale > 0.0f && bits < kInfinityBits;
      scales.data()[row] = fixed ? x_scale : s8_scale(bits);
      t.quantize(values, out, static_cast<std::size_t>(b.k),
                 fixed ? 1.0f / x_scale : s8_inverse_scale(bits));
      const float zeros[4] = {};
      t.quantize(zeros, out + b.k * t.code_bytes, static_cast<std::size_t>(padded - b.k), 0.0f);
    }
  });
  gemm_s8_scaled(codes.data(), m, b, scales.data(), scale_w, bias, y, y_row);
}

}  // namespace tt::kernels
