#include "tinytorch/autograd/tensor.hpp"

#include "tinytorch/autograd/node.hpp"
#include "tinytorch/ops/elementwise.hpp"

namespace tt::autograd {
namespace {

// Nodes waiting to be destroyed. Destroying one releases its inputs, whose nodes come here in turn
// instead of being destroyed inside it.
thread_local std::vector<std::shared_ptr<Node>>* t_waiting = nullptr;

void destroy_iteratively(std::shared_ptr<Node> node) {
  if (t_waiting != nullptr) {
    t_waiting->push_back(std::move(node));
    return;
  }
  std::vector<std::shared_ptr<Node>> waiting;
  t_waiting = &waiting;
  node.reset();
  while (!waiting.empty()) {
    std::shared_ptr<Node> next = std::move(waiting.back());
    waiting.pop_back();
    next.reset();
  }
  t_waiting = nullptr;
}

thread_local bool t_grad_enabled = true;

}  // namespace

GradMeta::~GradMeta() {
  if (grad_fn && grad_fn.use_count() == 1) destroy_iteratively(std::move(grad_fn));
}

void GradMeta::accumulate(Array g) {
  if (g.dtype() != dtype) g = g.astype(dtype);
  const Array before = current_grad();
  if (!before.defined()) {
    grad = g.unique() && g.is_contiguous() ? std::move(g) : g.copy();
  } else if (!user_grad && grad.storage()->use_count() == 2 && !grad.storage()->foreign()) {
    ops::add_in_place(grad, g);  // `before` and `grad` are the only holders
  } else {
    grad = ops::add(before, g).astype(dtype);
  }
  user_grad.reset();
}

void Tensor::set_array(Array array) {
  impl_->array = std::move(array);
  if (impl_->meta) {
    impl_->meta->shape = impl_->array.shape();
    impl_->meta->dtype = impl_->array.dtype();
  }
}

const std::shared_ptr<GradMeta>& Tensor::meta() const {
  if (!impl_->meta) {
    impl_->meta = std::make_shared<GradMeta>();
    impl_->meta->shape = impl_->array.shape();
    impl_->meta->dtype = impl_->array.dtype();
  }
  return impl_->meta;
}

void Tensor::set_requires_grad(bool flag) {
  if (flag && !is_float(dtype())) {
    fail<DTypeError>("only floating-point tensors can require gradients, this one is ",
                     name_of(dtype()));
  }
  if (flag || impl_->meta) meta()->requires_grad = flag;
}

void Tensor::zero_grad() const {
  if (!impl_->meta) return;
  impl_->meta->grad = Array();
  impl_->meta->user_grad.reset();
}

bool grad_enabled() { return t_grad_enabled; }
void set_grad_enabled(bool enabled) { t_grad_enabled = enabled; }

void Saved::changed() {
  fail<StateError>(
      "an array needed for the gradient was changed in place after it was used; "
      "work on a copy, or make the change after backward()");
}

void Node::freed() {
  fail<StateError>("backward() a second time through a graph that was freed; "
                   "leave free_graph=False for all but the last backward()");
}

void Attach::link(Node& node, Tensor& out, const Tensor* const* inputs, std::size_t count) {
  node.output_shape_ = out.shape();
  node.edges_.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const bool wanted = inputs[i]->defined() && inputs[i]->requires_grad();
    node.edges_.push_back(wanted ? inputs[i]->meta() : nullptr);
  }
  out.meta()->requires_grad = true;
}

}  // namespace tt::autograd
