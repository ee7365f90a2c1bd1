#include "tinytorch/autograd/tensor.hpp"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <mutex>
#include <new>

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

thread_local bool t_grad_enabled = true, t_autocast = false;

// Locks of all GradMetas, shared by address. Two kinds:
//   slot  around reading or replacing a gradient: short, never held while Python is called
//   sum   around adding to one: held while the sum is computed, which may wait for the interpreter
//         lock, so it must never be waited for by a thread that holds that
class Locks {
 public:
  std::mutex& slot(const GradMeta* meta) { return slots_[at(meta)]; }
  // Recursive: a signal handler or a user's gradient object may run backward in the middle.
  std::recursive_mutex& sum(const GradMeta* meta) { return sums_[at(meta)]; }

  // Around fork(): the child has consistent slots, and sums that nobody holds.
  void before_fork() {
    for (auto& m : slots_) m.lock();
  }
  void after_fork() {
    for (auto& m : slots_) m.unlock();
  }
  void forget_sums() { new (&sums_) std::array<std::recursive_mutex, kCount>; }

 private:
  static constexpr std::size_t kCount = 64;
  static std::size_t at(const GradMeta* meta) {
    return (reinterpret_cast<std::uintptr_t>(meta) >> 6) % kCount;
  }
  std::array<std::mutex, kCount> slots_;
  std::array<std::recursive_mutex, kCount> sums_;
};

Locks& locks() {
  static Locks* instance = [] {
    auto* made = new Locks;  // leaked: tensors may be freed until the end of the process
    pthread_atfork([] { locks().before_fork(); }, [] { locks().after_fork(); },
                   [] {
                     locks().after_fork();
                     locks().forget_sums();
                   });
    return made;
  }();
  return *instance;
}

}  // namespace

GradMeta::~GradMeta() {
  if (grad_fn && grad_fn.use_count() == 1) destroy_iteratively(std::move(grad_fn));
}

Array GradMeta::grad() const {
  std::lock_guard lock(locks().slot(this));
  return grad_;
}

std::shared_ptr<GradSource> GradMeta::user_grad() const {
  std::lock_guard lock(locks().slot(this));
  return user_grad_;
}

Array GradMeta::current_grad() const {
  const auto user = user_grad();
  return user ? user->read() : grad();
}

void GradMeta::set_grad(Array g, std::shared_ptr<GradSource> user) {
  // What was there is destroyed after the lock is let go: it may be a Python object.
  std::lock_guard lock(locks().slot(this));
  std::swap(grad_, g);
  user_grad_.swap(user);
}

void GradMeta::accumulate(Array g) {
  g = ops::cast(g, gradient_type(dtype));
  std::lock_guard adding(locks().sum(this));
  const auto user = user_grad();
  const Array before = user ? user->read() : grad();
  if (!before.defined()) {
    set_grad(g.unique() && g.is_contiguous() ? std::move(g) : g.copy());
  } else if (!user && before.shape() == shape && before.storage()->use_count() == 2 &&
             !before.storage()->foreign()) {
    ops::add_in_place(before, g);  // `before` and grad_ are the only holders
  } else {
    const Array sum = ops::add(before, g).astype(g.dtype());
    if (!(sum.shape() == shape)) {
      fail<ShapeError>(".grad holds an array of shape ", to_string(before.shape()),
                       ", which cannot be added to the gradient of a tensor of shape ",
                       to_string(shape), "; clear it with zero_grad()");
    }
    set_grad(sum);
  }
}

std::vector<std::pair<int, Hook>> GradMeta::hooks() const {
  std::lock_guard lock(locks().slot(this));
  return hooks_;
}

void GradMeta::add_hook(int id, Hook hook) {
  std::lock_guard lock(locks().slot(this));
  hooks_.emplace_back(id, std::move(hook));
}

void GradMeta::remove_hook(int id) {
  std::vector<std::pair<int, Hook>> removed;  // destroyed after the lock is let go
  std::lock_guard lock(locks().slot(this));
  const auto first = std::stable_partition(hooks_.begin(), hooks_.end(),
                                           [id](const auto& entry) { return entry.first != id; });
  removed.assign(std::move_iterator(first), std::move_iterator(hooks_.end()));
  hooks_.erase(first, hooks_.end());
}

void Tensor::set_array(Array array) {
  impl_->array = std::move(array);
  if (impl_->meta) {
    impl_->meta->shape = impl_->array.shape();
    impl_->meta->dtype = impl_->array.dtype();
  }
}

Tensor Tensor::snapshot() const {
  auto copy = std::make_shared<TensorImpl>(impl_->array);
  copy->meta = impl_->meta;
  copy->snapshot = true;
  return Tensor(std::move(copy));
}

const std::shared_ptr<GradMeta>& Tensor::meta() const {
  if (!impl_->meta) {
    impl_->meta = std::make_shared<GradMeta>();
    impl_->meta->shape = impl_->array.shape();
    impl_->meta->dtype = impl_->array.dtype();
    impl_->meta->tensor = impl_;
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
  impl_->meta->set_grad(Array());
}

bool grad_enabled() { return t_grad_enabled; }
void set_grad_enabled(bool enabled) { t_grad_enabled = enabled; }
bool autocast_enabled() { return t_autocast; }
void set_autocast_enabled(bool enabled) { t_autocast = enabled; }

void Saved::changed() {
  fail<StateError>(
      "an array needed for the gradient was changed in place after it was used; "
      "work on a copy, or make the change after backward()");
}

void Node::freed() {
  fail<StateError>(
      "backward() a second time through a graph that was freed; "
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
