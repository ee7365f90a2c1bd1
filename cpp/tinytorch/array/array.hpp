// Array: a strided view of counted storage. A value type; copying it copies the view, not the data.
// Strides are in elements and may be zero (broadcast) or negative (flipped). No autograd here.
#pragma once
#include <cstddef>
#include <initializer_list>
#include <vector>

#include "tinytorch/array/storage.hpp"
#include "tinytorch/base/dims.hpp"
#include "tinytorch/base/dtype.hpp"

namespace tt {

class Array {
 public:
  Array() = default;  // undefined: defined() is false
  Array(StoragePtr storage, Shape shape, Strides strides, index_t offset, DType dtype);

  static Array empty(const Shape& shape, DType dtype = DType::f32);
  static Array zeros(const Shape& shape, DType dtype = DType::f32);
  static Array full(const Shape& shape, double value, DType dtype = DType::f32);
  template <class T>
  static Array from(const std::vector<T>& values, const Shape& shape);
  static Array scalar(double value, DType dtype = DType::f32) { return full({}, value, dtype); }

  bool defined() const { return static_cast<bool>(storage_); }
  const Shape& shape() const { return shape_; }
  const Strides& strides() const { return strides_; }
  index_t shape(int d) const { return shape_[d]; }
  int ndim() const { return shape_.size(); }
  index_t size() const { return size_; }
  DType dtype() const { return dtype_; }
  std::size_t nbytes() const { return static_cast<std::size_t>(size_) * size_of(dtype_); }
  bool is_contiguous() const { return contiguous_; }
  const StoragePtr& storage() const { return storage_; }
  index_t offset() const { return offset_; }

  // Pointer to the first element. T must be the element type.
  template <class T>
  T* data() const {
    return reinterpret_cast<T*>(raw());
  }
  std::byte* raw() const {
    return storage_->data() + offset_ * static_cast<index_t>(size_of(dtype_));
  }

  // Views: the same storage.
  Array with(Shape shape, Strides strides, index_t offset) const;
  Array reshape_view(const Shape& shape) const;  // needs is_contiguous()
  Array transpose(int a, int b) const;
  Array permute(const Dims& order) const;
  Array expand(const Shape& shape) const;  // broadcast by zero strides; ShapeError if impossible
  Array slice(int axis, index_t start, index_t count, index_t step = 1) const;
  Array select(int axis, index_t i) const;  // drops the axis; i in [0, size)
  Array unsqueeze(int axis) const;
  Array squeeze(int axis) const;  // the axis must have size 1
  Array flip(int axis) const;

  // Data: new storage, except where already as asked.
  Array contiguous() const;                   // row-major; itself if it is
  Array copy() const;                         // always new storage, row-major
  Array astype(DType dtype) const;            // itself if it is; float to integer truncates
  Array reshape(const Shape& shape) const;    // a view where possible; one size may be -1
  void copy_from(const Array& source) const;  // broadcast and convert into this view, in place
  void fill(double value) const;

  double item() const;  // the only element; ValueError unless size() == 1

  // True where nobody else holds the storage: the result of an operation may reuse it.
  bool unique() const { return storage_->use_count() == 1 && !storage_->foreign(); }

 private:
  StoragePtr storage_;
  Shape shape_;
  Strides strides_;
  index_t offset_ = 0;
  index_t size_ = 0;
  DType dtype_ = DType::f32;
  bool contiguous_ = true;
};

// `wanted` with one -1 filled in; ShapeError with "Total elements must match: a ≠ b" or
// "one unknown dimension".
Shape infer_reshape(index_t size, const Shape& wanted);

template <class T>
Array Array::from(const std::vector<T>& values, const Shape& shape) {
  Array out = empty(shape, dtype_of<T>::value);
  if (out.size() != static_cast<index_t>(values.size())) {
    fail<ShapeError>("shape ", to_string(shape), " needs ", out.size(), " values, got ",
                     values.size());
  }
  std::copy(values.begin(), values.end(), out.data<T>());
  return out;
}

}  // namespace tt
