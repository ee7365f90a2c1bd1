#include "tinytorch/array/array.hpp"

#include <cstring>

namespace tt {

Array::Array(StoragePtr storage, Shape shape, Strides strides, index_t offset, DType dtype)
    : storage_(std::move(storage)),
      shape_(shape),
      strides_(strides),
      offset_(offset),
      size_(numel(shape)),
      dtype_(dtype),
      contiguous_(true) {
  index_t expected = 1;
  for (int d = shape_.size() - 1; d >= 0; --d) {
    if (shape_[d] == 1) continue;
    if (strides_[d] != expected) contiguous_ = false;
    expected *= shape_[d];
  }
  if (size_ == 0) contiguous_ = true;
}

Array Array::empty(const Shape& shape, DType dtype) {
  const index_t size = numel(shape);
  StoragePtr storage(Storage::allocate(static_cast<std::size_t>(size) * size_of(dtype)));
  return Array(std::move(storage), shape, contiguous_strides(shape), 0, dtype);
}

Array Array::zeros(const Shape& shape, DType dtype) {
  constexpr std::size_t kPlain = std::size_t{1} << 20;
  Array out = empty(shape, dtype);
  if (out.nbytes() <= kPlain) {
    std::memset(out.raw(), 0, out.nbytes());
  } else {
    out.fill(0.0);  // in pieces, which threads share and Ctrl-C ends
  }
  return out;
}

Array Array::full(const Shape& shape, double value, DType dtype) {
  Array out = empty(shape, dtype);
  out.fill(value);
  return out;
}

Array Array::with(Shape shape, Strides strides, index_t offset) const {
  return Array(storage_, shape, strides, offset, dtype_);
}

Array Array::reshape_view(const Shape& shape) const {
  return with(shape, contiguous_strides(shape), offset_);
}

Array Array::transpose(int a, int b) const {
  Dims shape = shape_, strides = strides_;
  std::swap(shape[a], shape[b]);
  std::swap(strides[a], strides[b]);
  return with(shape, strides, offset_);
}

Array Array::permute(const Dims& order) const {
  if (order.size() != ndim()) {
    fail<ShapeError>("permute needs ", ndim(), " axes for shape ", to_string(shape_), ", got ",
                     order.size());
  }
  Dims shape, strides;
  std::uint32_t seen = 0;
  for (index_t axis : order) {
    const int d = normalize_axis(axis, ndim());
    if (seen & (1u << d))
      fail<ShapeError>("permute got axis ", axis, " twice in ", to_string(order));
    seen |= 1u << d;
    shape.push_back(shape_[d]);
    strides.push_back(strides_[d]);
  }
  return with(shape, strides, offset_);
}

Array Array::expand(const Shape& shape) const {
  const int shift = shape.size() - ndim();
  Dims strides(shape.size(), 0);
  bool ok = shift >= 0;
  for (int d = 0; ok && d < ndim(); ++d) {
    if (shape_[d] == shape[d + shift]) {
      strides[d + shift] = shape_[d] == 1 ? 0 : strides_[d];
    } else {
      ok = shape_[d] == 1;
    }
  }
  if (!ok) fail<ShapeError>("cannot broadcast shape ", to_string(shape_), " to ", to_string(shape));
  return with(shape, strides, offset_);
}

Array Array::slice(int axis, index_t start, index_t count, index_t step) const {
  Dims shape = shape_, strides = strides_;
  shape[axis] = count;
  strides[axis] *= step;
  return with(shape, strides, offset_ + (count > 0 ? start * strides_[axis] : 0));
}

Array Array::select(int axis, index_t i) const {
  Dims shape = shape_, strides = strides_;
  shape.erase(axis);
  strides.erase(axis);
  return with(shape, strides, offset_ + i * strides_[axis]);
}

Array Array::unsqueeze(int axis) const {
  Dims shape = shape_, strides = strides_;
  shape.insert(axis, 1);
  strides.insert(axis, 0);
  return with(shape, strides, offset_);
}

Array Array::squeeze(int axis) const {
  if (shape_[axis] != 1) {
    fail<ShapeError>("squeeze needs size 1 at axis ", axis, " of shape ", to_string(shape_));
  }
  Dims shape = shape_, strides = strides_;
  shape.erase(axis);
  strides.erase(axis);
  return with(shape, strides, offset_);
}

Array Array::flip(int axis) const { return slice(axis, shape_[axis] - 1, shape_[axis], -1); }

Array Array::contiguous() const { return contiguous_ ? *this : copy(); }

Array Array::copy() const {
  Array out = empty(shape_, dtype_);
  out.copy_from(*this);
  return out;
}

Array Array::astype(DType dtype) const {
  if (dtype == dtype_) return *this;
  Array out = empty(shape_, dtype);
  out.copy_from(*this);
  return out;
}

Array Array::reshape(const Shape& shape) const {
  return contiguous().reshape_view(infer_reshape(size_, shape));
}

double Array::item() const {
  if (size_ != 1) {
    fail<ValueError>("only an array of one element converts to a number, this one has shape ",
                     to_string(shape_));
  }
  return visit_dtype(dtype_, [&](auto tag) -> double {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, bf16> || std::is_same_v<T, f16>) {
      return static_cast<float>(*data<T>());
    } else {
      return static_cast<double>(*data<T>());
    }
  });
}

Shape infer_reshape(index_t size, const Shape& wanted) {
  Shape out = wanted;
  int unknown = -1;
  index_t known = 1;
  for (int d = 0; d < wanted.size(); ++d) {
    if (wanted[d] == -1) {
      if (unknown >= 0) {
        fail<ShapeError>("can infer only one unknown dimension (-1), got shape ",
                         to_string(wanted));
      }
      unknown = d;
    } else if (wanted[d] < 0) {
      fail<ShapeError>("sizes must be at least 0, or -1 for one unknown dimension; got shape ",
                       to_string(wanted));
    } else {
      known *= wanted[d];
    }
  }
  if (unknown >= 0 && known > 0 && size % known == 0) out[unknown] = size / known;
  const bool open = unknown >= 0 && out[unknown] == -1;
  if (open || numel(out) != size) {
    fail<ShapeError>("Total elements must match: ", size, " ≠ ", open ? known : numel(out),
                     " (to shape ", to_string(wanted), ")");
  }
  return out;
}

}  // namespace tt
