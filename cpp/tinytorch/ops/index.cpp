#include "tinytorch/ops/index.hpp"

#include <cmath>

#include "tinytorch/array/iterate.hpp"
#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/ops/elementwise.hpp"

namespace tt::ops {
namespace {

constexpr index_t kBlockGrain = 16384;  // elements copied by one chunk of work

// A key split in two steps: a view by the basic items, then a gather by the arrays on that view.
struct Resolved {
  Array view;
  std::vector<Array> arrays;  // int64, broadcast to one shape
  std::vector<int> axes;      // axis of the view that each array selects from
};

index_t items_consumed(const IndexItem& item) {
  if (std::holds_alternative<NewAxis>(item) || std::holds_alternative<Ellipsis>(item)) return 0;
  if (const auto* array = std::get_if<Array>(&item)) {
    return array->dtype() == DType::boolean ? array->ndim() : 1;
  }
  return 1;
}

Array apply_slice(const Array& view, int axis, const Slice& s) {
  const index_t n = view.shape(axis);
  if (s.step == 0) fail<ValueError>("slice step cannot be zero");
  const index_t low = s.step > 0 ? 0 : -1, high = s.step > 0 ? n : n - 1;
  const auto place = [&](std::optional<index_t> v, index_t missing) {
    if (!v) return missing;
    return std::clamp(*v < 0 ? *v + n : *v, low, high);
  };
  const index_t start = place(s.start, s.step > 0 ? low : high);
  const index_t stop = place(s.stop, s.step > 0 ? high : low);
  const index_t span = s.step > 0 ? stop - start : start - stop;
  // |step| without overflow at the smallest integer: steps past n select one element anyway.
  const index_t size = s.step > 0 ? s.step : -std::max(s.step, -(n + 1));
  const index_t count = span > 0 ? (span - 1) / size + 1 : 0;
  return view.slice(axis, start, count, count > 1 ? s.step : 1);
}

Array apply_integer(const Array& view, int axis, index_t i) {
  const index_t n = view.shape(axis);
  if (i < -n || i >= n) {
    fail<IndexError>("index ", i, " is out of bounds for axis ", axis, " with size ", n);
  }
  return view.select(axis, i < 0 ? i + n : i);
}

// Coordinates of the true elements, one int64 vector per axis of the mask.
std::vector<Array> nonzero(const Array& mask) {
  const Array flat = mask.contiguous();
  const bool* bits = flat.data<bool>();
  index_t count = 0;
  for (index_t i = 0; i < flat.size(); ++i) count += bits[i];
  std::vector<Array> out;
  for (int d = 0; d < mask.ndim(); ++d) out.push_back(Array::empty({count}, DType::i64));
  index_t at = 0;
  for (index_t i = 0; i < flat.size(); ++i) {
    if (!bits[i]) continue;
    index_t rest = i;
    for (int d = mask.ndim() - 1; d >= 0; --d) {
      out[static_cast<std::size_t>(d)].data<index_t>()[at] = rest % mask.shape(d);
      rest /= mask.shape(d);
    }
    ++at;
  }
  return out;
}

void apply_array(Resolved& r, int& axis, const Array& array) {
  if (array.dtype() != DType::boolean) {
    r.arrays.push_back(array.astype(DType::i64));
    r.axes.push_back(axis++);
    return;
  }
  if (array.ndim() == 0) {  // x[True]: a new axis of size 1 or 0
    r.view = r.view.unsqueeze(axis);
    r.arrays.push_back(Array::zeros({array.item() != 0.0 ? 1 : 0}, DType::i64));
    r.axes.push_back(axis++);
    return;
  }
  for (int d = 0; d < array.ndim(); ++d) {
    if (array.shape(d) != r.view.shape(axis + d)) {
      fail<IndexError>("a boolean index of shape ", to_string(array.shape()),
                       " does not match the indexed axes of shape ", to_string(r.view.shape()));
    }
  }
  for (const Array& coordinates : nonzero(array)) {
    r.arrays.push_back(coordinates);
    r.axes.push_back(axis++);
  }
}

// As NumPy: where broadcasting with no indices leaves none, only single integers are looked at.
void check_bounds(const Resolved& r) {
  bool selects_nothing = false;
  for (const Array& a : r.arrays) selects_nothing = selects_nothing || a.size() == 0;
  for (std::size_t k = 0; k < r.arrays.size(); ++k) {
    if (selects_nothing && r.arrays[k].ndim() > 0) continue;
    const Array values = r.arrays[k].contiguous();
    const index_t* v = values.data<index_t>();
    const index_t n = r.view.shape(r.axes[k]);
    for (index_t i = 0; i < values.size(); ++i) {
      if (v[i] < -n || v[i] >= n) {
        fail<IndexError>("index ", v[i], " is out of bounds for axis ", r.axes[k], " with size ",
                         n);
      }
    }
  }
}

void broadcast_arrays(Resolved& r) {
  Shape shape;
  try {
    for (const Array& a : r.arrays) shape = broadcast_shapes(shape, a.shape());
  } catch (const ShapeError&) {
    fail<IndexError>("index arrays cannot be broadcast together");
  }
  for (Array& a : r.arrays) a = a.expand(shape);
}

Resolved resolve(const Array& x, const IndexKey& key) {
  index_t consumed = 0;
  int ellipses = 0;
  for (const IndexItem& item : key) {
    consumed += items_consumed(item);
    ellipses += std::holds_alternative<Ellipsis>(item);
  }
  if (ellipses > 1) fail<IndexError>("an index can have only one ellipsis ('...')");
  if (consumed > x.ndim()) {
    fail<IndexError>("too many indices: the array has ", x.ndim(), " dimensions, but ", consumed,
                     " were indexed");
  }
  Resolved r{x, {}, {}};
  int axis = 0;
  for (const IndexItem& item : key) {
    if (const auto* i = std::get_if<index_t>(&item)) {
      r.view = apply_integer(r.view, axis, *i);
    } else if (const auto* s = std::get_if<Slice>(&item)) {
      r.view = apply_slice(r.view, axis, *s);
      ++axis;
    } else if (std::holds_alternative<NewAxis>(item)) {
      r.view = r.view.unsqueeze(axis++);
    } else if (std::holds_alternative<Ellipsis>(item)) {
      axis += x.ndim() - static_cast<int>(consumed);
    } else {
      apply_array(r, axis, std::get<Array>(item));
    }
  }
  check_bounds(r);
  broadcast_arrays(r);
  return r;
}

// NumPy treats an integer beside index arrays as one more index array; what matters is only where
// the result's index dimensions go: in place when the arrays are adjacent, else first.
bool has_arrays(const IndexKey& key) {
  for (const IndexItem& item : key) {
    if (std::holds_alternative<Array>(item)) return true;
  }
  return false;
}
IndexKey integers_to_arrays(const IndexKey& key) {
  IndexKey out = key;
  for (IndexItem& item : out) {
    if (const auto* i = std::get_if<index_t>(&item)) {
      const Array scalar = Array::empty({}, DType::i64);
      *scalar.data<index_t>() = *i;
      item = scalar;
    }
  }
  return out;
}
bool arrays_adjacent(const IndexKey& key) {
  int runs = 0;
  bool inside = false;
  for (const IndexItem& item : key) {
    const bool array = std::holds_alternative<Array>(item);
    runs += array && !inside;
    inside = array;
  }
  return runs <= 1;
}

// The selection as (offsets of each selected sub-block in the view's storage, block view).
struct Selection {
  std::vector<index_t> offsets;  // in elements, relative to the view
  Shape index_shape;
  Array block;       // the view with indexed axes removed
  int position = 0;  // where the index dimensions go in the result
};

Selection select(const Resolved& r, bool adjacent) {
  Selection s;
  s.index_shape = r.arrays[0].shape();
  s.offsets.assign(static_cast<std::size_t>(numel(s.index_shape)), 0);
  for (std::size_t k = 0; k < r.arrays.size(); ++k) {
    const Array values = r.arrays[k].contiguous();
    const index_t* v = values.data<index_t>();
    const int axis = r.axes[k];
    const index_t n = r.view.shape(axis), stride = r.view.strides()[axis];
    for (std::size_t i = 0; i < s.offsets.size(); ++i) {
      s.offsets[i] += (v[i] < 0 ? v[i] + n : v[i]) * stride;
    }
  }
  Dims shape, strides;
  for (int d = 0; d < r.view.ndim(); ++d) {
    if (std::find(r.axes.begin(), r.axes.end(), d) != r.axes.end()) continue;
    shape.push_back(r.view.shape(d));
    strides.push_back(r.view.strides()[d]);
  }
  s.block = r.view.with(shape, strides, r.view.offset());
  s.position = adjacent ? r.axes.front() : 0;
  return s;
}

// Index dimensions come first in `flat` results; this is the permutation that puts them in place.
Dims place_order(const Selection& s) {
  const int index_dims = s.index_shape.size();
  Dims order;
  for (int d = 0; d < s.position; ++d) order.push_back(index_dims + d);
  for (int d = 0; d < index_dims; ++d) order.push_back(d);
  for (int d = s.position; d < s.block.ndim(); ++d) order.push_back(index_dims + d);
  return order;
}

Array gather_blocks(const Selection& s) {
  Shape shape = s.index_shape;
  for (index_t n : s.block.shape()) shape.push_back(n);
  const Array out = Array::empty(shape, s.block.dtype());
  const index_t block = s.block.size(), count = static_cast<index_t>(s.offsets.size());
  if (out.size() == 0) return out.permute(place_order(s));
  const Strides strides = contiguous_strides(s.block.shape());
  const auto loop = make_loop<2>(s.block.shape(), {&strides, &s.block.strides()});
  visit_dtype(out.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* in = s.block.template data<T>();
    T* o = out.data<T>();
    parallel_for(count, std::max<index_t>(1, kBlockGrain / block), [&](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i) {
        const T* from = in + s.offsets[static_cast<std::size_t>(i)];
        T* to = o + i * block;
        if (block == 1) {
          *to = *from;
          continue;
        }
        for_each_row(loop, [=](const auto& at, const auto& step, index_t n) {
          for (index_t j = 0; j < n; ++j) to[at[0] + j * step[0]] = from[at[1] + j * step[1]];
        });
      }
    });
  });
  return out.permute(place_order(s));
}

// One block after the other: where places repeat, additions happen in order, and the last assigned
// value stays.
template <class T, class Fn>
void each_element(const Selection& s, const T* flat, Fn fn) {
  const Strides strides = contiguous_strides(s.block.shape());
  const index_t block = s.block.size();
  T* out = s.block.template data<T>();
  const auto loop = make_loop<2>(s.block.shape(), {&s.block.strides(), &strides});
  for (std::size_t i = 0; i < s.offsets.size(); ++i) {
    if (i % 4096 == 0) throw_if_interrupted();
    T* to = out + s.offsets[i];
    const T* from = flat + static_cast<index_t>(i) * block;
    for_each_row(loop, [=](const auto& at, const auto& step, index_t n) {
      for (index_t j = 0; j < n; ++j) fn(to[at[0] + j * step[0]], from[at[1] + j * step[1]]);
    });
  }
}

Dims inverse_of(const Dims& order) {
  Dims inverse(order.size());
  for (int d = 0; d < order.size(); ++d) inverse[static_cast<int>(order[d])] = d;
  return inverse;
}

void add_blocks(const Selection& s, const Array& grad) {
  const Array flat = grad.permute(inverse_of(place_order(s))).contiguous();
  visit_float(flat.dtype(), "indexing", [&](auto tag) {
    using T = typename decltype(tag)::type;
    each_element<T>(s, flat.data<T>(), [](T& to, T from) { to += from; });
  });
}

void assign_blocks(const Selection& s, const Array& value) {
  Shape shape = s.index_shape, placed;
  for (index_t n : s.block.shape()) shape.push_back(n);
  const Dims order = place_order(s);
  for (index_t d : order) placed.push_back(shape[static_cast<int>(d)]);
  const Array flat =
      value.expand(placed).permute(inverse_of(order)).astype(s.block.dtype()).contiguous();
  visit_dtype(flat.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    each_element<T>(s, flat.data<T>(), [](T& to, T from) { to = from; });
  });
}

struct Prepared {
  Resolved resolved;
  bool adjacent;
};
Prepared prepare(const Array& x, const IndexKey& key) {
  if (!has_arrays(key)) return {resolve(x, key), true};
  const IndexKey all = integers_to_arrays(key);
  return {resolve(x, all), arrays_adjacent(all)};
}

}  // namespace

Array as_indices(const Array& x) {
  if (!is_float(x.dtype())) return x.astype(DType::i64);
  const Array values = to_compute(x).contiguous();
  visit_float(values.dtype(), "indexing", [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* p = values.data<T>();
    for (index_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(p[i])) fail<IndexError>("an index must be a finite number, got ", p[i]);
    }
  });
  return values.astype(DType::i64);
}

Array index(const Array& x, const IndexKey& key) {
  const Prepared p = prepare(x, key);
  if (p.resolved.arrays.empty()) return p.resolved.view;
  return gather_blocks(select(p.resolved, p.adjacent)).contiguous();
}

Array index_grad(const Array& grad, const Shape& shape, const IndexKey& key) {
  const Array out = Array::zeros(shape, grad.dtype());
  const Prepared p = prepare(out, key);
  if (p.resolved.arrays.empty()) {
    p.resolved.view.copy_from(grad);
  } else {
    add_blocks(select(p.resolved, p.adjacent), grad);
  }
  return out;
}

void index_assign(const Array& x, const IndexKey& key, const Array& value) {
  const Prepared p = prepare(x, key);
  if (p.resolved.arrays.empty()) {
    p.resolved.view.copy_from(value);
  } else {
    assign_blocks(select(p.resolved, p.adjacent), value);
  }
  x.storage()->bump_version();
}

namespace {

// Calls fn(offset into data, offset into index) for each element of `index` (contiguous), where
// data is addressed with the index value along `axis`.
template <class Fn>
void each_gathered(const Array& data, int axis, const Array& index, Fn fn) {
  const index_t* v = index.data<index_t>();
  const index_t n = data.shape(axis), last = index.size();
  Dims position(index.ndim(), 0);
  for (index_t i = 0; i < last; ++i) {
    if (i % 65536 == 0) throw_if_interrupted();
    if (v[i] < -n || v[i] >= n) {
      fail<IndexError>("index ", v[i], " is out of bounds for axis ", axis, " with size ", n);
    }
    index_t offset = (v[i] < 0 ? v[i] + n : v[i]) * data.strides()[axis];
    for (int d = 0; d < index.ndim(); ++d) {
      if (d != axis) offset += position[d] * data.strides()[d];
    }
    fn(offset, i);
    for (int d = index.ndim() - 1; d >= 0 && ++position[d] == index.shape(d); --d) position[d] = 0;
  }
}

Array checked_index(const Array& x, int axis, const Array& index, const char* what) {
  bool ok = index.ndim() == x.ndim();
  for (int d = 0; ok && d < x.ndim(); ++d) ok = d == axis || index.shape(d) <= x.shape(d);
  if (!ok) {
    fail<ShapeError>(what,
                     " needs an index with as many dimensions as the input and no size above "
                     "it except along the axis; got ",
                     to_string(index.shape()), " for input ", to_string(x.shape()));
  }
  return as_indices(index).contiguous();
}

}  // namespace

Array gather(const Array& x, index_t axis, const Array& index) {
  const int d = normalize_axis(axis, x.ndim());
  const Array at = checked_index(x, d, index, "gather");
  const Array out = Array::empty(index.shape(), x.dtype());
  visit_dtype(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* px = x.data<T>();
    T* po = out.data<T>();
    each_gathered(x, d, at, [=](index_t from, index_t to) { po[to] = px[from]; });
  });
  return out;
}

Array scatter_add(const Array& x, index_t axis, const Array& index, const Array& source) {
  const int d = normalize_axis(axis, x.ndim());
  const Array at = checked_index(x, d, index, "scatter_add");
  bool ok = source.ndim() == index.ndim();
  for (int k = 0; ok && k < index.ndim(); ++k) ok = index.shape(k) <= source.shape(k);
  if (!ok) {
    fail<ShapeError>("scatter_add needs a source at least as large as the index, got ",
                     to_string(source.shape()), " and ", to_string(index.shape()));
  }
  const Array out = (is_float(x.dtype()) ? to_compute(x) : x.astype(DType::i64)).copy();
  Array used = source.astype(out.dtype());
  for (int k = 0; k < index.ndim(); ++k) used = used.slice(k, 0, index.shape(k));
  used = used.contiguous();
  const auto add = [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* po = out.data<T>();
    const T* ps = used.data<T>();
    each_gathered(out, d, at, [=](index_t to, index_t from) { po[to] += ps[from]; });
  };
  if (is_float(out.dtype())) {
    visit_float(out.dtype(), "scatter_add", add);
  } else {
    add(type_tag<std::uint64_t>{});  // int64, with overflow that wraps around
  }
  return out.astype(x.dtype());
}

Array take_rows(const Array& table, const Array& indices) {
  kernels::count_call(kernels::Family::rows);
  if (table.ndim() != 2) {
    fail<ShapeError>("an embedding table is 2-D (vocabulary, width), got ",
                     to_string(table.shape()));
  }
  const Array rows = table.contiguous(), at = as_indices(indices).contiguous();
  const index_t count = table.shape(0), width = table.shape(1);
  const index_t* v = at.data<index_t>();
  for (index_t i = 0; i < at.size(); ++i) {
    if (v[i] < 0 || v[i] >= count) {
      fail<IndexError>("Index out of range: ", v[i], " in a table of ", count, " rows");
    }
  }
  Shape shape = indices.shape();
  shape.push_back(width);
  const Array out = Array::empty(shape, table.dtype());
  const std::size_t bytes = static_cast<std::size_t>(width) * size_of(table.dtype());
  std::byte* to = out.raw();
  const std::byte* from = rows.raw();
  // Rows lie anywhere: their beginnings are asked for some rows ahead.
  constexpr index_t kAhead = 3;
  constexpr std::size_t kFetched = 1024;
  parallel_for(at.size(), std::max<index_t>(1, 16384 / std::max<index_t>(1, width)),
               [=](index_t begin, index_t end) {
                 for (index_t i = begin; i < end; ++i) {
                   const index_t next = v[std::min(i + kAhead, end - 1)];
                   for (std::size_t b = 0; b < std::min(bytes, kFetched); b += 64) {
                     __builtin_prefetch(from + static_cast<std::size_t>(next) * bytes + b);
                   }
                   std::copy_n(from + static_cast<std::size_t>(v[i]) * bytes, bytes,
                               to + static_cast<std::size_t>(i) * bytes);
                 }
               });
  return out;
}

Array take_rows_grad(const Array& dy, const Array& indices, const Shape& table_shape) {
  const Array out = Array::zeros(table_shape, dy.dtype());
  add_rows_in_place(out, dy, indices);
  return out;
}

void add_rows_in_place(const Array& table, const Array& dy, const Array& indices) {
  kernels::count_call(kernels::Family::rows);
  const Array g = dy.contiguous(), at = indices.astype(DType::i64).contiguous();
  const index_t width = table.shape(1);
  constexpr index_t kColumns = 256;
  const index_t* v = at.data<index_t>();
  visit_float(dy.dtype(), "embedding", [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* po = table.data<T>();
    const T* pg = g.data<T>();
    // Each piece of columns goes through all rows in order, whoever takes it.
    parallel_for(width, kColumns, [=, count = at.size()](index_t begin, index_t end) {
      for (index_t i = 0; i < count; ++i) {
        if (i % 4096 == 0) stop_if_interrupted();
        T* to = po + v[i] * width;
        const T* from = pg + i * width;
        for (index_t j = begin; j < end; ++j) to[j] += from[j];
      }
    });
  });
}

}  // namespace tt::ops
