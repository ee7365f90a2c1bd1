// Tensor: an Array with an autograd identity. A Tensor object is a counted handle; copying it
// copies the handle. What backward needs to know of a tensor lives in its GradMeta, which the graph
// holds without holding the tensor's data: intermediate results that nobody looks at are freed.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "tinytorch/array/array.hpp"

namespace tt::autograd {

class Node;
struct TensorImpl;

// A gradient that the user put in place of ours; read again at each use, since it may be edited.
class GradSource {
 public:
  virtual ~GradSource() = default;
  virtual Array read() const = 0;  // undefined: none
};

// Sees the gradient as it arrives; may return another in its place (undefined: unchanged).
using Hook = std::function<Array(const Array&)>;

// Gradients of half-precision tensors are float32: the half types store, float32 computes.
inline DType gradient_type(DType t) { return is_half(t) ? DType::f32 : t; }

// Threads that share a model's parameters may run backward at the same time, and others may read or
// replace the gradient meanwhile: gradient and hooks are reached through functions that lock.
class GradMeta {
 public:
  bool requires_grad = false;
  std::atomic<bool> observed{true};  // the tensor still exists, so that its .grad can be read
  Shape shape;
  DType dtype = DType::f32;
  std::shared_ptr<Node> grad_fn;     // the operation that made the tensor; null for leaves
  std::weak_ptr<TensorImpl> tensor;  // for programs that walk the graph; expired: freed

  GradMeta() = default;
  GradMeta(const GradMeta&) = delete;
  GradMeta& operator=(const GradMeta&) = delete;
  ~GradMeta();  // iterative: a chain of 100,000 operations does not overflow the stack

  Array grad() const;                             // ours; undefined: none yet
  std::shared_ptr<GradSource> user_grad() const;  // what stands in for it; null: nothing
  Array current_grad() const;                     // the one or the other
  void set_grad(Array g, std::shared_ptr<GradSource> user = nullptr);
  void accumulate(Array g);  // adds over backward passes

  std::vector<std::pair<int, Hook>> hooks() const;
  void add_hook(int id, Hook hook);
  void remove_hook(int id);

 private:
  Array grad_;
  std::shared_ptr<GradSource> user_grad_;
  std::vector<std::pair<int, Hook>> hooks_;
};

struct TensorImpl {
  Array array;
  std::shared_ptr<GradMeta> meta;  // made on first need
  void* python = nullptr;          // the Python object of this tensor, while it lives
  bool snapshot = false;
  explicit TensorImpl(Array a) : array(std::move(a)) {}
  TensorImpl(const TensorImpl&) = delete;
  TensorImpl& operator=(const TensorImpl&) = delete;
  ~TensorImpl() {
    if (meta && !snapshot) meta->observed = false;
  }
};

class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(Array array, bool requires_grad = false)
      : impl_(std::make_shared<TensorImpl>(std::move(array))) {
    if (requires_grad) set_requires_grad(true);
  }
  explicit Tensor(std::shared_ptr<TensorImpl> impl) : impl_(std::move(impl)) {}

  bool defined() const { return impl_ != nullptr; }
  const Array& array() const { return impl_->array; }
  void set_array(Array array);
  // The same tensor for the graph, holding the array of now whatever another thread puts in place.
  Tensor snapshot() const;
  const Shape& shape() const { return impl_->array.shape(); }
  DType dtype() const { return impl_->array.dtype(); }

  bool requires_grad() const { return impl_->meta && impl_->meta->requires_grad; }
  void set_requires_grad(bool flag);
  const std::shared_ptr<GradMeta>& meta() const;  // makes it
  const std::shared_ptr<GradMeta>& meta_or_null() const { return impl_->meta; }
  const std::shared_ptr<TensorImpl>& impl() const { return impl_; }

  Array grad() const { return impl_->meta ? impl_->meta->current_grad() : Array(); }
  void zero_grad() const;

 private:
  std::shared_ptr<TensorImpl> impl_;
};

}  // namespace tt::autograd
