#include <algorithm>
#include <cmath>
#include <type_traits>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/sparse/activations.hpp"
#include "tinytorch/sparse/bsr.hpp"
#include "tinytorch/sparse/linear_sparse.hpp"

namespace tt::sparse {
namespace {

constexpr index_t kBand = BsrMatrix::kBand;

inline void add_product(float& sum, float x, float v) { sum += x * v; }
// The product of two int8 values fits in 16 bits, which vectorises better.
inline void add_product(std::int32_t& sum, std::int16_t x, std::int8_t v) {
  sum += static_cast<std::int16_t>(x * v);
}

// Sums of one band for rows [0, Rows) of x (stride k). Value: what the matrix stores.
template <index_t Rows, class Value, class X, class Sum>
void multiply_band(const BsrMatrix& w, index_t band, const X* x, index_t k,
                   Sum (&sums)[Rows][kBand]) {
  const index_t depth = w.depth();
  for (auto& row : sums) std::fill_n(row, kBand, Sum{});
  for (index_t b = w.first_block(band); b < w.first_block(band + 1); ++b) {
    const Value* values = w.values().data<Value>() + b * depth * kBand;
    const index_t first = w.block_index(b) * depth, count = std::min(depth, k - first);
    for (index_t i = 0; i < count; ++i) {
      for (index_t r = 0; r < Rows; ++r) {
        const X xi = x[r * k + first + i];
        for (index_t o = 0; o < kBand; ++o) add_product(sums[r][o], xi, values[i * kBand + o]);
      }
    }
  }
}

// store(row, output, sum) for the whole product, in parallel over bands and groups of 4 rows.
template <class Value, class X, class Store>
void multiply(const BsrMatrix& w, const X* x, index_t m, const Store& store) {
  using Sum = std::conditional_t<std::is_same_v<X, float>, float, std::int32_t>;
  const index_t k = w.columns(), bands = w.bands();
  const auto finish = [&](index_t row, index_t band, const Sum* sums) {
    const index_t outputs = std::min(kBand, w.rows() - band * kBand);
    for (index_t o = 0; o < outputs; ++o) store(row, band * kBand + o, sums[o]);
  };
  const index_t work = 4 * w.values().size() / std::max<index_t>(bands, 1) + 1;
  const index_t grain = std::max<index_t>(1, (1 << 17) / work);
  parallel_for((m + 3) / 4 * bands, grain, [&](index_t begin, index_t end) {
    for (index_t task = begin; task < end; ++task) {
      const index_t row = task / bands * 4, band = task % bands;
      if (m - row >= 4) {
        Sum sums[4][kBand];
        multiply_band<4, Value>(w, band, x + row * k, k, sums);
        for (index_t r = 0; r < 4; ++r) finish(row + r, band, sums[r]);
        continue;
      }
      for (index_t r = row; r < m; ++r) {
        Sum sums[1][kBand];
        multiply_band<1, Value>(w, band, x + r * k, k, sums);
        finish(r, band, sums[0]);
      }
    }
  });
}

}  // namespace

LinearBsr::LinearBsr(const BsrMatrix& weight, const Array& bias, float input_scale)
    : weight_(weight),
      bias_(checked_bias("LinearBsr", bias, weight.rows())),
      input_scale_(input_scale) {
  check_static_scale("LinearBsr", weight.is_int8(), input_scale);
}

Array LinearBsr::forward(const Array& x) const {
  kernels::count_call(kernels::Family::sparse);
  const index_t n = weight_.rows(), k = weight_.columns();
  const Rows rows = rows_of("LinearBsr", x, k, n);
  const Array result = Array::empty(rows.result);
  const float* bias = bias_.defined() ? bias_.data<float>() : nullptr;
  const float* values = rows.values.data<float>();
  float* y = result.data<float>();
  if (!weight_.is_int8()) {
    multiply<float>(weight_, values, rows.count, [&](index_t row, index_t o, float sum) {
      y[row * n + o] = bias ? sum + bias[o] : sum;
    });
    return result;
  }
  const Activations a = quantize_activations(values, rows.count, k, input_scale_);
  const float* scales = weight_.scales().data<float>();
  const std::int16_t* codes = a.codes.get();
  multiply<std::int8_t>(weight_, codes, rows.count, [&](index_t row, index_t o, std::int32_t sum) {
    const float v = static_cast<float>(sum) * a.scales[static_cast<std::size_t>(row)] * scales[o];
    y[row * n + o] = bias ? v + bias[o] : v;
  });
  return result;
}

std::size_t LinearBsr::stored_bytes() const {
  return weight_.stored_bytes() + (bias_.defined() ? bias_.nbytes() : 0) +
         (input_scale_ > 0.0f ? sizeof(float) : 0);
}

}  // namespace tt::sparse
