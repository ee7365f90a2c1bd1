#include "tinytorch/ops/reduce.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tinytorch/array/channels_last.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/reduce/reference.hpp"
#include "tinytorch/kernels/scratch.hpp"
#include "tinytorch/kernels/softmax/reference.hpp"
#include "tinytorch/ops/elementwise.hpp"
#include "tinytorch/ops/reduce_rows.hpp"

namespace tt::ops {
namespace {

std::uint32_t axis_mask(const Shape& shape, const Axes& axes) {
  if (!axes) return (1u << shape.size()) - 1;
  std::uint32_t mask = 0;
  for (index_t axis : *axes) {
    const int d = normalize_axis(axis, shape.size());
    if (mask & (1u << d)) fail<ValueError>("axis ", axis, " is given twice");
    mask |= 1u << d;
  }
  return mask;
}

// out[j] = f of column j over `rows` rows, `stride` floats apart; f is sum, max or min.
void reduce_columns(Reduce f, const float* x, index_t stride, index_t rows, index_t columns,
                    float* out) {
  const kernels::Table& table = kernels::active();
  if (f == Reduce::sum) return table.reduce.column_sums(x, stride, rows, columns, out);
  constexpr index_t kNear = 1024;  // results that stay in the first cache while rows pass
  const auto name = f == Reduce::max ? kernels::Binary::maximum : kernels::Binary::minimum;
  const auto join = table.binary.arithmetic[static_cast<int>(name)];
  for (index_t j = 0; j < columns; j += kNear) {
    const index_t count = std::min(kNear, columns - j);
    std::copy_n(x + j, count, out + j);
    for (index_t r = 1; r < rows; ++r) {
      join(out + j, 1, x + r * stride + j, 1, out + j, static_cast<std::size_t>(count));
    }
  }
}

// Leading axes only, f32: columns, which need no transposed copy. Any cut gives the same bits, so
// that it may follow the number of threads.
Array reduce_leading(Reduce f, const Array& x, int leading) {
  constexpr index_t kAlign = 64;
  Shape kept(x.shape().begin() + leading, x.shape().end());
  const Array out = Array::empty(kept, DType::f32);
  const index_t width = out.size();
  if (width == 0) return out;
  const index_t rows = x.size() / width, worth = grain_for(1 << 15, rows);
  const index_t columns = std::max(worth, width / num_threads());
  const float* px = x.data<float>();
  float* po = out.data<float>();
  parallel_for(width, (columns + kAlign - 1) / kAlign * kAlign, [=](index_t begin, index_t end) {
    reduce_columns(f, px + begin, width, rows, end - begin, po + begin);
  });
  return out;
}

thread_local kernels::ScratchBuffer t_widened;

// The axes in the middle of (n, ..., c), f32 or bfloat16: rows of c values, image by image, in f32.
Array reduce_middle(Reduce f, const Array& x) {
  const index_t images = x.shape(0), width = x.shape(x.ndim() - 1);
  const index_t rows = x.size() / (images * width);
  const Array out = Array::empty({images, width}, DType::f32);
  const auto widen = kernels::active().half.widen_bf16;
  const index_t image = rows * width;
  parallel_for(images, row_grain(image), [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
      float* results = out.data<float>() + i * width;
      if (x.dtype() == DType::f32) {
        reduce_columns(f, x.data<float>() + i * image, width, rows, width, results);
        continue;
      }
      float* widened = t_widened.reserve<float>(image);
      widen(x.data<std::uint16_t>() + i * image, widened, static_cast<std::size_t>(image));
      reduce_columns(f, widened, width, rows, width, results);
    }
  });
  return out;
}

// Sums over the planes of channels-last images, (N, C) or (C,); the rest is undefined.
Array sum_planes(const Array& x, std::uint32_t mask) {
  constexpr std::uint32_t kPlane = 0b1100, kPlanes = 0b1101;
  if ((mask != kPlane && mask != kPlanes) || x.dtype() != DType::f32 || !is_channels_last(x)) {
    return {};
  }
  const Array sums = reduce_middle(Reduce::sum, pixels_of(x));
  return mask == kPlane ? sums : reduce_leading(Reduce::sum, sums, 1);
}

// Whether the axes are the last ones: rows of x itself.
bool trailing(std::uint32_t mask, int ndim) {
  const std::uint32_t all = (1u << ndim) - 1, kept = all & ~mask;
  return (kept & (kept + 1)) == 0;
}

// Sum, max or min over any axes but trailing ones alone, of contiguous f32: each run of
// neighbouring axes on its own, the last one first, so that nothing is turned around. Undefined for
// rows too short to be worth it.
Array reduce_runs(Reduce f, const Array& x, std::uint32_t mask) {
  constexpr index_t kLeastWidth = 8;
  const auto reduced = [mask](int d) { return (mask >> d & 1) != 0; };
  Array found = x;
  index_t width = 1;  // what follows the run, once its own later runs are reduced
  for (int end = x.ndim(); end > 0;) {
    int begin = end;
    while (begin > 0 && reduced(begin - 1)) --begin;
    if (begin == end) {
      width *= x.shape(--end);
      continue;
    }
    index_t rows = 1;
    for (int d = begin; d < end; ++d) rows *= x.shape(d);
    const index_t outer = found.size() / (rows * width);
    if (width == 1) {
      found = reduce(f, found.reshape({outer, rows}), Dims{1}, false);
    } else if (outer == 1) {
      found = reduce_leading(f, found.reshape({rows, width}), 1);
    } else if (width < kLeastWidth) {
      return {};
    } else {
      found = reduce_middle(f, found.reshape({outer, rows, width}));
    }
    end = begin;
  }
  return found;
}

template <class Fn>
Array reduce_rows(const Array& x, const Axes& axes, bool keepdims, Fn row_value) {
  const Rows r = rows_of(x, axis_mask(x.shape(), axes));
  const Array out = Array::empty(reduced_shape(x.shape(), axes, keepdims), x.dtype());
  visit_float(x.dtype(), "reduction", [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* po = out.data<T>();
    const auto n = static_cast<std::size_t>(r.length);
    each_row<T>(r, [=](const T* row, index_t i) { po[i] = row_value(row, n); });
  });
  return out;
}

// Integers keep their type class: sums and products are int64, max and min the input's type.
Array reduce_integers(Reduce f, const Array& x, const Axes& axes, bool keepdims) {
  using T = std::int64_t;
  const Rows r = rows_of(x.astype(DType::i64), axis_mask(x.shape(), axes));
  const Array out = Array::empty(reduced_shape(x.shape(), axes, keepdims), DType::i64);
  T* po = out.data<T>();
  each_row<T>(r, [=, n = r.length](const T* row, index_t i) {
    auto value = static_cast<std::uint64_t>(f == Reduce::sum ? 0 : f == Reduce::prod ? 1 : row[0]);
    for (index_t j = 0; j < n; ++j) {
      const auto v = static_cast<std::uint64_t>(row[j]);
      switch (f) {
        case Reduce::sum:
          value += v;
          break;
        case Reduce::prod:
          value *= v;
          break;
        case Reduce::max:
          if (row[j] > static_cast<T>(value)) value = v;
          break;
        case Reduce::min:
          if (row[j] < static_cast<T>(value)) value = v;
          break;
      }
    }
    po[i] = static_cast<T>(value);
  });
  const bool keeps_type = f == Reduce::max || f == Reduce::min;
  return keeps_type ? out.astype(x.dtype()) : out;
}

// Where the largest (f = max) or smallest (min) of n values is; the first NaN wins, as in NumPy.
index_t first_extreme(Reduce f, const float* row, index_t n) {
  constexpr index_t kTogether = 64;
  const auto of = [=](index_t begin, index_t count) {
    return reduce_row(f, row + begin, static_cast<std::size_t>(count));
  };
  const float value = of(0, n);
  const auto is_value = [=](float v) { return value != value ? v != v : v == value; };
  index_t j = 0;
  while (j + kTogether < n && !is_value(of(j, kTogether))) j += kTogether;
  while (!is_value(row[j])) ++j;
  return j;
}

Array arg_extreme(const Array& x, std::optional<index_t> axis, bool keepdims, bool largest) {
  kernels::count_call(kernels::Family::reduce);
  const Axes axes = axis ? Axes(Dims{*axis}) : Axes();
  const Array in = is_float(x.dtype()) ? to_compute(x) : x.astype(DType::i64);
  const Rows r = rows_of(in, axis_mask(x.shape(), axes));
  if (r.length == 0 && r.rows > 0) fail<ValueError>("argmax and argmin need at least one element");
  const Array out = Array::empty(reduced_shape(x.shape(), axes, keepdims), DType::i64);
  std::int64_t* po = out.data<std::int64_t>();
  const auto search = [&](auto tag) {
    using T = typename decltype(tag)::type;
    each_row<T>(r, [=, n = r.length](const T* row, index_t i) {
      if constexpr (std::is_same_v<T, float>) {
        po[i] = first_extreme(largest ? Reduce::max : Reduce::min, row, n);
      } else {
        index_t best = 0;
        for (index_t j = 1; j < n; ++j) {
          if (row[best] != row[best]) break;  // the first NaN wins, as in NumPy
          if (row[j] != row[j] || (largest ? row[j] > row[best] : row[j] < row[best])) best = j;
        }
        po[i] = best;
      }
    });
  };
  if (in.dtype() == DType::i64) {
    search(type_tag<std::int64_t>{});
  } else {
    visit_float(in.dtype(), "argmax", search);
  }
  return out;
}

}  // namespace

Shape reduced_shape(const Shape& shape, const Axes& axes, bool keepdims) {
  const std::uint32_t mask = axis_mask(shape, axes);
  Shape out;
  for (int d = 0; d < shape.size(); ++d) {
    if (!(mask & (1u << d))) {
      out.push_back(shape[d]);
    } else if (keepdims) {
      out.push_back(1);
    }
  }
  return out;
}

index_t reduced_count(const Shape& shape, const Axes& axes) {
  const std::uint32_t mask = axis_mask(shape, axes);
  index_t n = 1;
  for (int d = 0; d < shape.size(); ++d) {
    if (mask & (1u << d)) n *= shape[d];
  }
  return n;
}

Array reduce(Reduce f, const Array& x, const Axes& axes, bool keepdims) {
  kernels::count_call(kernels::Family::reduce);
  const bool needs_one = f == Reduce::max || f == Reduce::min;
  if (needs_one && reduced_count(x.shape(), axes) == 0) {
    fail<ValueError>("max and min of no elements have no value (shape ", to_string(x.shape()), ")");
  }
  if (!is_float(x.dtype())) return reduce_integers(f, x, axes, keepdims);
  const Array in = to_compute(x);
  const std::uint32_t mask = axis_mask(x.shape(), axes);
  Array out = f == Reduce::sum ? sum_planes(in, mask) : Array();
  if (!out.defined() && f != Reduce::prod && in.dtype() == DType::f32 && in.is_contiguous() &&
      in.size() > 0 && !trailing(mask, x.ndim())) {
    out = reduce_runs(f, in, mask);
  }
  if (out.defined()) {
    out = out.reshape_view(reduced_shape(x.shape(), axes, keepdims));
  } else if (reduced_count(x.shape(), axes) > kPiece) {
    out = Array::empty(reduced_shape(x.shape(), axes, keepdims), in.dtype());
    visit_float(in.dtype(), "reduction", [&](auto tag) {
      using T = typename decltype(tag)::type;
      reduce_long_rows(f, rows_of(in, mask), out.template data<T>());
    });
  } else {
    out = reduce_rows(in, axes, keepdims,
                      [f](const auto* row, std::size_t n) { return reduce_row(f, row, n); });
  }
  return from_compute(out, x.dtype());
}

Array channel_sums(const Array& x) {
  if (!has_pixels(x)) return sum(to_compute(x), Dims{0, 2, 3});
  kernels::count_call(kernels::Family::reduce);
  return reduce_leading(Reduce::sum, reduce_middle(Reduce::sum, pixels_of(x)), 1);
}

Array mean(const Array& x, const Axes& axes, bool keepdims) {
  const Array in = to_compute(x);
  const double n = static_cast<double>(reduced_count(x.shape(), axes));
  const Array total = sum(in, axes, keepdims);
  const Array out = div(total, Array::scalar(n, total.dtype()));
  return from_compute(out, x.dtype());
}

Array variance(const Array& x, const Axes& axes, double correction, bool keepdims) {
  kernels::count_call(kernels::Family::reduce);
  const Array out = reduce_rows(to_compute(x), axes, keepdims, [=](const auto* row, std::size_t n) {
    using T = std::remove_cvref_t<decltype(*row)>;
    const T center = reduce_row(Reduce::sum, row, n) / static_cast<T>(n);
    T total;
    if constexpr (std::is_same_v<T, float>) {
      total = kernels::active().reduce.sum_squared_difference(row, n, center);
    } else {
      total = kernels::reference::sum_squared_difference(row, n, center);
    }
    const double divisor = std::max(0.0, static_cast<double>(n) - correction);
    return static_cast<T>(total / static_cast<T>(divisor));
  });
  return from_compute(out, x.dtype());
}

Array logsumexp(const Array& x, const Axes& axes, bool keepdims) {
  kernels::count_call(kernels::Family::reduce);
  const Array out = reduce_rows(to_compute(x), axes, keepdims, [](const auto* row, std::size_t n) {
    using T = std::remove_cvref_t<decltype(*row)>;
    if (n == 0) return -std::numeric_limits<T>::infinity();
    if constexpr (std::is_same_v<T, float>) {
      return kernels::active().softmax.logsumexp(row, n);
    } else {
      return kernels::reference::logsumexp(row, n);
    }
  });
  return from_compute(out, x.dtype());
}

Array argmax(const Array& x, std::optional<index_t> axis, bool keepdims) {
  return arg_extreme(x, axis, keepdims, true);
}
Array argmin(const Array& x, std::optional<index_t> axis, bool keepdims) {
  return arg_extreme(x, axis, keepdims, false);
}

Array cumsum(const Array& x, index_t axis, bool reverse) {
  const int d = normalize_axis(axis, x.ndim());
  const Array in = is_float(x.dtype()) ? to_compute(x) : x.astype(DType::i64);
  const int last = x.ndim() - 1;
  const Array rows = in.transpose(d, last).contiguous();
  const Array out = Array::empty(rows.shape(), rows.dtype());
  const index_t n = x.shape(d), count = n == 0 ? 0 : rows.size() / n;
  const auto scan = [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* px = rows.data<T>();
    T* po = out.data<T>();
    parallel_for(count, row_grain(n), [=](index_t begin, index_t end) {
      for (index_t r = begin; r < end; ++r) {
        T total{};
        for (index_t j = 0; j < n; ++j) {
          const index_t at = r * n + (reverse ? n - 1 - j : j);
          po[at] = total += px[at];
        }
      }
    });
  };
  if (rows.dtype() == DType::i64) {
    scan(type_tag<std::int64_t>{});
  } else {
    visit_float(rows.dtype(), "cumsum", scan);
  }
  return from_compute(out.transpose(d, last).contiguous(), x.dtype());
}

Array reduce_to_shape(const Array& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const int extra = x.ndim() - shape.size();
  bool ok = extra >= 0;
  Dims axes;
  for (int d = 0; ok && d < x.ndim(); ++d) {
    if (d < extra || (shape[d - extra] == 1 && x.shape(d) != 1)) {
      axes.push_back(d);
    } else {
      ok = x.shape(d) == shape[d - extra];
    }
  }
  if (!ok) {
    fail<ShapeError>("a gradient of shape ", to_string(x.shape()),
                     " does not fit a tensor of shape ", to_string(shape),
                     ": it must have that shape, or be broadcast from it");
  }
  const Array out = axes.empty() ? x : sum(x, axes, true);
  return out.contiguous().reshape_view(shape);
}

}  // namespace tt::ops
