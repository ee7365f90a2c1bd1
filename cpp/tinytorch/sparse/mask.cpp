#include "tinytorch/sparse/mask.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tt::sparse {
namespace {

Array floats(const Array& w) { return w.astype(DType::f32).contiguous(); }

index_t removed_count(index_t n, double sparsity) {
  if (!(sparsity >= 0.0 && sparsity <= 1.0)) {
    fail<ValueError>("sparsity must lie in [0, 1], got ", sparsity);
  }
  return static_cast<index_t>(std::nearbyint(sparsity * static_cast<double>(n)));
}

// NaN counts as larger than anything: pruning must not hide it.
double order_key(double magnitude) { return std::isnan(magnitude) ? HUGE_VAL : magnitude; }

// The positions of the `count` smallest keys; equal keys in order of position.
std::vector<index_t> smallest(const std::vector<double>& keys, index_t count) {
  std::vector<index_t> order(keys.size());
  std::iota(order.begin(), order.end(), index_t{0});
  const auto before = [&](index_t a, index_t b) {
    const double x = keys[static_cast<std::size_t>(a)], y = keys[static_cast<std::size_t>(b)];
    return x != y ? x < y : a < b;
  };
  if (count < static_cast<index_t>(order.size())) {
    std::nth_element(order.begin(), order.begin() + count, order.end(), before);
    order.resize(static_cast<std::size_t>(count));
  }
  return order;
}

Array all_true(const Shape& shape) { return Array::full(shape, 1.0, DType::boolean); }

}  // namespace

Array magnitude_mask(const Array& w, double sparsity) { return magnitude_masks({w}, sparsity)[0]; }

std::vector<Array> magnitude_masks(const std::vector<Array>& weights, double sparsity) {
  std::vector<Array> masks;
  std::vector<double> keys;
  std::vector<index_t> starts;
  for (const Array& w : weights) {
    const Array values = floats(w);
    starts.push_back(static_cast<index_t>(keys.size()));
    for (index_t i = 0; i < w.size(); ++i) {
      keys.push_back(order_key(std::fabs(static_cast<double>(values.data<float>()[i]))));
    }
    masks.push_back(all_true(w.shape()));
  }
  for (const index_t at :
       smallest(keys, removed_count(static_cast<index_t>(keys.size()), sparsity))) {
    const auto tensor = std::upper_bound(starts.begin(), starts.end(), at) - starts.begin() - 1;
    const auto t = static_cast<std::size_t>(tensor);
    masks[t].data<bool>()[at - starts[t]] = false;
  }
  return masks;
}

Array nm_mask(const Array& w, index_t n, index_t m, int axis) {
  if (n < 1 || m < n) fail<ValueError>("N:M pruning needs 1 <= N <= M, got ", n, ":", m);
  const int last = normalize_axis(axis, w.ndim());
  const Array values = floats(w.transpose(last, w.ndim() - 1));
  const Array mask = all_true(values.shape());
  const index_t length = values.shape().back();
  const index_t lines = length == 0 ? 0 : values.size() / length;
  std::vector<double> keys;
  for (index_t line = 0; line < lines; ++line) {
    for (index_t start = 0; start < length; start += m) {
      const index_t count = std::min(m, length - start);
      if (count <= n) continue;
      keys.clear();
      // Among equals the first stays, so that 2:4 of four equal weights keeps the first two.
      for (index_t i = count - 1; i >= 0; --i) {
        keys.push_back(order_key(std::fabs(values.data<float>()[line * length + start + i])));
      }
      for (const index_t i : smallest(keys, count - n)) {
        mask.data<bool>()[line * length + start + (count - 1 - i)] = false;
      }
    }
  }
  return mask.transpose(last, w.ndim() - 1).contiguous();
}

Array block_mask(const Array& w, double sparsity, index_t block_rows, index_t block_columns) {
  if (w.ndim() != 2) fail<ShapeError>("block_mask needs a matrix, got ", to_string(w.shape()));
  if (block_rows < 1 || block_columns < 1) {
    fail<ValueError>("block sizes must be at least 1, got ", block_rows, " x ", block_columns);
  }
  const Array values = floats(w);
  const index_t rows = w.shape(0), columns = w.shape(1);
  const index_t down = (rows + block_rows - 1) / block_rows;
  const index_t across = (columns + block_columns - 1) / block_columns;
  std::vector<double> keys(static_cast<std::size_t>(down * across), 0.0);
  const auto block_of = [&](index_t i) {
    return static_cast<std::size_t>(i / columns / block_rows * across +
                                    i % columns / block_columns);
  };
  for (index_t i = 0; i < w.size(); ++i) {
    const double v = values.data<float>()[i];
    keys[block_of(i)] += v * v;
  }
  for (double& key : keys) key = order_key(key);
  std::vector<bool> removed(keys.size(), false);
  for (const index_t b :
       smallest(keys, removed_count(static_cast<index_t>(keys.size()), sparsity))) {
    removed[static_cast<std::size_t>(b)] = true;
  }
  const Array mask = all_true(w.shape());
  for (index_t i = 0; i < w.size(); ++i) mask.data<bool>()[i] = !removed[block_of(i)];
  return mask;
}

std::vector<index_t> strongest_slices(const Array& w, int axis, index_t keep, int p) {
  const int a = normalize_axis(axis, w.ndim());
  const index_t slices = w.shape(a);
  if (keep < 0 || keep > slices) {
    fail<ValueError>("cannot keep ", keep, " of ", slices, " slices along axis ", axis);
  }
  if (p != 1 && p != 2) fail<ValueError>("p must be 1 or 2, got ", p);
  const Array values = floats(w);
  index_t inner = 1;
  for (int d = a + 1; d < w.ndim(); ++d) inner *= w.shape(d);
  std::vector<double> keys(static_cast<std::size_t>(slices), 0.0);
  for (index_t i = 0; i < w.size(); ++i) {
    const double v = std::fabs(static_cast<double>(values.data<float>()[i]));
    keys[static_cast<std::size_t>(i / inner % slices)] += p == 1 ? v : v * v;
  }
  for (double& key : keys) key = order_key(key);
  std::reverse(keys.begin(), keys.end());  // among equals the first stays
  std::vector<bool> removed(keys.size(), false);
  for (const index_t i : smallest(keys, slices - keep)) {
    removed[static_cast<std::size_t>(slices - 1 - i)] = true;
  }
  std::vector<index_t> kept;
  for (index_t i = 0; i < slices; ++i) {
    if (!removed[static_cast<std::size_t>(i)]) kept.push_back(i);
  }
  return kept;
}

Array apply_mask(const Array& w, const Array& mask) {
  if (!(w.shape() == mask.shape()) || mask.dtype() != DType::boolean) {
    fail<ShapeError>("a mask must be bool of the weights' shape ", to_string(w.shape()), ", got ",
                     name_of(mask.dtype()), " of shape ", to_string(mask.shape()));
  }
  const Array out = w.astype(DType::f32).copy(), keep = mask.contiguous();
  for (index_t i = 0; i < out.size(); ++i) {
    if (!keep.data<bool>()[i]) out.data<float>()[i] = 0.0f;
  }
  return out;
}

double sparsity_of(const Array& w) {
  if (w.size() == 0) return 0.0;
  const Array values = floats(w);
  const float* p = values.data<float>();
  const auto zeros = std::count(p, p + w.size(), 0.0f);
  return static_cast<double>(zeros) / static_cast<double>(w.size());
}

}  // namespace tt::sparse
