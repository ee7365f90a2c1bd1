#include "tinytorch/ops/shape.hpp"

namespace tt::ops {
namespace {

DType common_type(const std::vector<Array>& arrays, const char* what) {
  if (arrays.empty()) fail<ValueError>(what, " needs at least one array");
  DType type = arrays.front().dtype();
  for (const Array& a : arrays) type = promote(type, a.dtype());
  return type;
}

constexpr index_t kMaxPad = index_t{1} << 56;

}  // namespace

Array concat(const std::vector<Array>& arrays, index_t axis) {
  const DType type = common_type(arrays, "concat");
  Shape shape = arrays.front().shape();
  if (shape.empty()) fail<ShapeError>("concat needs arrays of at least one dimension; use stack");
  const int d = normalize_axis(axis, shape.size());
  shape[d] = 0;
  for (const Array& a : arrays) {
    bool ok = a.ndim() == shape.size();
    for (int k = 0; ok && k < a.ndim(); ++k) ok = k == d || a.shape(k) == shape[k];
    if (!ok) {
      fail<ShapeError>("concat needs equal shapes except along axis ", d, ", got ",
                       to_string(arrays.front().shape()), " and ", to_string(a.shape()));
    }
    shape[d] += a.shape(d);
  }
  const Array out = Array::empty(shape, type);
  index_t at = 0;
  for (const Array& a : arrays) {
    out.slice(d, at, a.shape(d)).copy_from(a);
    at += a.shape(d);
  }
  return out;
}

Array stack(const std::vector<Array>& arrays, index_t axis) {
  const DType type = common_type(arrays, "stack");
  const Shape& each = arrays.front().shape();
  const int d = normalize_axis(axis, each.size() + 1);
  Shape shape = each;
  shape.insert(d, static_cast<index_t>(arrays.size()));
  const Array out = Array::empty(shape, type);
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    if (!(arrays[i].shape() == each)) {
      fail<ShapeError>("stack needs equal shapes, got ", to_string(each), " and ",
                       to_string(arrays[i].shape()));
    }
    out.select(d, static_cast<index_t>(i)).copy_from(arrays[i]);
  }
  return out;
}

Array pad(const Array& x, const std::vector<PadWidth>& widths, double value) {
  if (static_cast<int>(widths.size()) != x.ndim()) {
    fail<ShapeError>("pad needs one (before, after) pair per dimension: ", x.ndim(), " for shape ",
                     to_string(x.shape()), ", got ", widths.size());
  }
  Shape shape = x.shape();
  Array source = x;
  for (int d = 0; d < x.ndim(); ++d) {
    const PadWidth& w = widths[static_cast<std::size_t>(d)];
    for (index_t width : {w.before, w.after}) {
      if (width > kMaxPad || width < -kMaxPad)
        fail<ShapeError>("pad width ", width, " is too large");
    }
    shape[d] += w.before + w.after;
    if (shape[d] < 0) {
      fail<ShapeError>("pad widths ", w.before, " and ", w.after, " cut away more than axis ", d,
                       " of shape ", to_string(x.shape()), " has");
    }
    const index_t cut = std::max<index_t>(0, -w.before), end = std::max<index_t>(0, -w.after);
    source = source.slice(d, cut, std::max<index_t>(0, x.shape(d) - cut - end));
  }
  const Array out = Array::full(shape, value, x.dtype());
  Array inside = out;
  for (int d = 0; d < x.ndim(); ++d) {
    const PadWidth& w = widths[static_cast<std::size_t>(d)];
    const index_t at = std::max<index_t>(0, w.before);
    inside = inside.slice(d, std::min(at, shape[d]), source.shape(d));
  }
  inside.copy_from(source);
  return out;
}

}  // namespace tt::ops
