#include "tinytorch/base/dims.hpp"

namespace tt {

index_t numel(const Shape& shape) {
  index_t total = 1;
  bool zero = false;
  for (index_t n : shape) {
    if (n < 0) fail<ShapeError>("a shape has no negative sizes, got ", to_string(shape));
    if (n == 0) {
      zero = true;
      continue;
    }
    // 2^56 elements: far past any memory, and numel * 8 bytes still fits.
    if (total > (index_t{1} << 56) / n) {
      fail<ShapeError>("shape ", to_string(shape), " has too many elements");
    }
    total *= n;
  }
  return zero ? 0 : total;
}

Strides contiguous_strides(const Shape& shape) {
  Strides strides(shape.size());
  index_t step = 1;
  for (int d = shape.size() - 1; d >= 0; --d) {
    strides[d] = step;
    step *= shape[d] > 1 ? shape[d] : 1;
  }
  return strides;
}

std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (int d = 0; d < shape.size(); ++d) {
    if (d) text += ", ";
    text += std::to_string(shape[d]);
  }
  return text + (shape.size() == 1 ? ",)" : ")");
}

int normalize_axis(index_t axis, int ndim, const char* what) {
  if (axis < -ndim || axis >= ndim) {
    fail<IndexError>(what, " ", axis, " is out of range for an array of ", ndim,
                     " dimensions; use ", -ndim, " to ", ndim - 1);
  }
  return static_cast<int>(axis < 0 ? axis + ndim : axis);
}

Shape broadcast_shapes(const Shape& a, const Shape& b) {
  const Shape& wide = a.size() >= b.size() ? a : b;
  const Shape& narrow = a.size() >= b.size() ? b : a;
  Shape out = wide;
  const int shift = wide.size() - narrow.size();
  for (int d = 0; d < narrow.size(); ++d) {
    const index_t x = wide[d + shift], y = narrow[d];
    if (x == y || y == 1) continue;
    if (x != 1) {
      fail<ShapeError>("cannot broadcast shapes ", to_string(a), " and ", to_string(b),
                       ": sizes must be equal or 1, counted from the last dimension; got ", x,
                       " and ", y);
    }
    out[d + shift] = y;
  }
  return out;
}

}  // namespace tt
