// A Node is one operation in the graph: it turns the gradient of its result into gradients of its
// inputs. Rules are written as lambdas passed to `attach` (functions are in autograd/<family>.cpp).
#pragma once
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tinytorch/autograd/tensor.hpp"
#include "tinytorch/ops/matmul.hpp"

namespace tt::autograd {

using Edges = std::vector<std::shared_ptr<GradMeta>>;  // null: that input needs no gradient

// Where a rule puts its results. Broadcasting need not be undone: the engine does.
class Grads {
 public:
  explicit Grads(const Edges& edges) : edges_(edges), slots_(edges.size()) {}
  bool want(std::size_t i) const { return edges_[i] != nullptr && edges_[i]->requires_grad; }
  void set(std::size_t i, Array g) { slots_[i].value = std::move(g); }
  Array& operator[](std::size_t i) { return slots_[i].value; }
  std::size_t size() const { return slots_.size(); }
  // Where the gradients of input i are added up; null, as it is at first: nowhere.
  void add_up_in(std::size_t i, Array* sum) { slots_[i].sum = sum; }
  Array* added_up_in(std::size_t i) const { return slots_[i].sum; }
  // What other nodes gave for input i, where a rule may add to it in place instead of setting a
  // value of its own; else null.
  Array* sum(std::size_t i) {
    Array* s = slots_[i].sum;
    return s != nullptr && s->defined() && s->unique() && s->is_contiguous() ? s : nullptr;
  }

 private:
  struct Slot {
    Array value;
    Array* sum = nullptr;
  };
  const Edges& edges_;
  std::vector<Slot> slots_;
};

class Node {
 public:
  virtual ~Node() = default;
  virtual std::string name() const = 0;  // "MulBackward"
  virtual void backward(const Array& dy, Grads& grads) = 0;
  // Inputs as of now. A node defined in Python works them out when asked.
  virtual const Edges& edges() { return edges_; }
  virtual void release() { edges_.clear(); }  // lets the graph go

  const Shape& output_shape() const { return output_shape_; }
  // False: takes gradients of any shape (nodes defined in Python).
  virtual bool fixed_shape() const { return true; }
  // Whether the rule takes gradients of bfloat16 as they are; others get float32.
  bool takes_half() const { return takes_half_; }
  void take_half() { takes_half_ = true; }

 protected:
  [[noreturn]] static void freed();
  friend struct Attach;
  Edges edges_;
  Shape output_shape_;
  bool takes_half_ = false;
};

// An array kept for the backward pass, with a check that nobody changed it in place meanwhile.
class Saved {
 public:
  Saved() = default;
  explicit Saved(const Array& array)
      : array_(array), version_(array.defined() ? array.storage()->version() : 0) {}
  const Array& get() const {
    if (array_.defined() && array_.storage()->version() != version_) changed();
    return array_;
  }

 private:
  [[noreturn]] static void changed();
  Array array_;
  std::uint32_t version_ = 0;
};

// Recording is on by default, per thread.
bool grad_enabled();
void set_grad_enabled(bool enabled);
class NoGrad {
 public:
  NoGrad() : before_(grad_enabled()) { set_grad_enabled(false); }
  ~NoGrad() { set_grad_enabled(before_); }
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool before_;
};

// Automatic casting, per thread, off at first: matrix products and convolutions, and the backward
// pass of those recorded meanwhile, round their operands to bfloat16. Convolutions also give their
// results in it, and what is made of these keeps the type. Everything else, weights and their
// gradients included, stays float32.
bool autocast_enabled();
void set_autocast_enabled(bool enabled);
inline ops::Products autocast_products() {
  return autocast_enabled() ? ops::Products::bf16 : ops::Products::full;
}

template <class... Tensors>
bool tracked(const Tensors&... inputs) {
  return grad_enabled() && ((inputs.defined() && inputs.requires_grad()) || ...);
}

// Of products recorded for a backward pass, and of that pass. Training multiplies large matrices,
// for which splitting both operands pays.
inline ops::Products training_products() {
  return autocast_enabled() ? ops::Products::bf16 : ops::Products::pieces;
}

struct Attach {
  static void link(Node& node, Tensor& out, const Tensor* const* inputs, std::size_t count);
};

template <class Rule>
class RuleNode final : public Node {
 public:
  RuleNode(const char* name, Rule rule) : name_(name), rule_(std::move(rule)) {}
  std::string name() const override { return name_; }
  void backward(const Array& dy, Grads& grads) override {
    if (!rule_) freed();
    (*rule_)(dy, grads);
  }
  void release() override {
    rule_.reset();
    Node::release();
  }

 private:
  const char* name_;
  std::optional<Rule> rule_;
};

// Makes `out` the result of an operation with this gradient rule: rule(dy, grads).
template <class Rule>
Tensor attach(Tensor out, const char* name, std::initializer_list<const Tensor*> inputs,
              Rule rule) {
  auto node = std::make_shared<RuleNode<Rule>>(name, std::move(rule));
  Attach::link(*node, out, inputs.begin(), inputs.size());
  out.meta()->grad_fn = std::move(node);
  return out;
}
template <class Rule>
Tensor attach(Tensor out, const char* name, const std::vector<Tensor>& inputs, Rule rule) {
  std::vector<const Tensor*> pointers;
  for (const Tensor& t : inputs) pointers.push_back(&t);
  auto node = std::make_shared<RuleNode<Rule>>(name, std::move(rule));
  Attach::link(*node, out, pointers.data(), pointers.size());
  out.meta()->grad_fn = std::move(node);
  return out;
}

// Of operators of images, whose gradients of bfloat16 tensors then pass in that type.
inline Tensor with_half_gradients(Tensor made) {
  made.meta()->grad_fn->take_half();
  return made;
}

}  // namespace tt::autograd
