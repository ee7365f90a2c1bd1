#include "tinytorch/sparse/linear_sparse.hpp"

#include <cmath>

#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/sparse/activations.hpp"
#include "tinytorch/sparse/panels.hpp"

namespace tt::sparse {
namespace {

// Rows [start, start + count) of x (m, k), turned so that a row is a lane.
template <class Value>
void fill_lanes(const Value* x, index_t k, index_t start, index_t count, index_t lanes,
                Value* panel) {
  if (lanes == 1) {
    std::copy_n(x + start * k, k, panel);
    return;
  }
  for (index_t c = 0; c < k; ++c) {
    for (index_t p = 0; p < lanes; ++p) {
      panel[c * lanes + p] = p < count ? x[(start + p) * k + c] : Value{};
    }
  }
}

void forward_f32(const SparseRows& w, const float* x, index_t m, const float* bias, float* y) {
  const index_t k = w.columns(), n = w.rows();
  for_each_panel<float>(
      w, 0, n, m,
      [&](index_t start, index_t count, index_t lanes, float* panel) {
        fill_lanes(x, k, start, count, lanes, panel);
      },
      [&](index_t start, index_t count, index_t row, const float* sums) {
        for (index_t p = 0; p < count; ++p) {
          y[(start + p) * n + row] = bias ? sums[p] + bias[row] : sums[p];
        }
      });
}

void forward_s8(const SparseRows& w, const float* x, index_t m, const float* bias,
                float input_scale, float* y) {
  const index_t k = w.columns(), n = w.rows();
  const Activations a = quantize_activations(x, m, k, input_scale);
  const float* scales = w.scales().data<float>();
  for_each_panel<std::int16_t>(
      w, 0, n, m,
      [&](index_t start, index_t count, index_t lanes, std::int16_t* panel) {
        fill_lanes<std::int16_t>(a.codes.get(), k, start, count, lanes, panel);
      },
      [&](index_t start, index_t count, index_t row, const std::int32_t* sums) {
        for (index_t p = 0; p < count; ++p) {
          const float scale = a.scales[static_cast<std::size_t>(start + p)];
          const float v = static_cast<float>(sums[p]) * scale * scales[row];
          y[(start + p) * n + row] = bias ? v + bias[row] : v;
        }
      });
}

}  // namespace

Array checked_bias(const char* layer, const Array& bias, index_t outputs) {
  if (!bias.defined()) return bias;
  if (bias.ndim() != 1 || bias.shape(0) != outputs) {
    fail<ShapeError>(layer, ": bias must have shape (", outputs, ",), got ",
                     to_string(bias.shape()));
  }
  return bias.astype(DType::f32).copy();
}

void check_static_scale(const char* layer, bool int8_weights, float input_scale) {
  if (!std::isfinite(input_scale) || input_scale < 0.0f) {
    fail<ValueError>(layer,
                     ": input_scale must be a positive number, or 0 to measure each row; got ",
                     input_scale);
  }
  if (input_scale > 0.0f && !int8_weights) {
    fail<ValueError>(layer, ": input_scale belongs to int8 weights; these are float32");
  }
}

Rows rows_of(const char* layer, const Array& x, index_t in_features, index_t out_features) {
  if (x.ndim() == 0 || x.shape().back() != in_features) {
    fail<ShapeError>("Inner dimensions must match: ", layer, " has in_features=", in_features,
                     ", got an input of shape ", to_string(x.shape()));
  }
  Rows rows{x.astype(DType::f32).contiguous(), 1, x.shape()};
  for (int d = 0; d + 1 < x.ndim(); ++d) rows.count *= x.shape(d);
  rows.result[x.ndim() - 1] = out_features;
  return rows;
}

LinearSparse::LinearSparse(std::shared_ptr<const SparseRows> weight, const Array& bias,
                           float input_scale)
    : weight_(std::move(weight)),
      bias_(checked_bias("sparse Linear", bias, weight_->rows())),
      input_scale_(input_scale) {
  check_static_scale("sparse Linear", weight_->is_int8(), input_scale);
}

Array LinearSparse::forward(const Array& x) const {
  kernels::count_call(kernels::Family::sparse);
  const Rows rows = rows_of("sparse Linear", x, in_features(), out_features());
  const Array y = Array::empty(rows.result);
  const float* bias = bias_.defined() ? bias_.data<float>() : nullptr;
  if (weight_->is_int8()) {
    forward_s8(*weight_, rows.values.data<float>(), rows.count, bias, input_scale_,
               y.data<float>());
  } else {
    forward_f32(*weight_, rows.values.data<float>(), rows.count, bias, y.data<float>());
  }
  return y;
}

std::size_t LinearSparse::stored_bytes() const {
  return weight_->stored_bytes() + (bias_.defined() ? bias_.nbytes() : 0) +
         (input_scale_ > 0.0f ? sizeof(float) : 0);
}

}  // namespace tt::sparse
