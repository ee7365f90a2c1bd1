#include "tinytorch/autograd/engine.hpp"

#include <unordered_map>

#include "tinytorch/array/channels_last.hpp"
#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/ops/elementwise.hpp"
#include "tinytorch/ops/reduce.hpp"

namespace tt::autograd {
namespace {

using MetaPtr = std::shared_ptr<GradMeta>;

struct Graph {
  std::vector<MetaPtr> order;  // every tensor before the tensors it was made from
  std::unordered_map<const GradMeta*, std::size_t> position;
};

// Depth-first, with its own stack: chains may be any length.
class Sorter {
 public:
  Graph sort(const MetaPtr& root) {
    enter(root);
    while (!stack_.empty()) {
      Frame& top = stack_.back();
      if (top.next < top.inputs->size()) {
        const MetaPtr& input = (*top.inputs)[top.next++];
        if (input && input->requires_grad) visit(input);
      } else {
        leave();
      }
    }
    std::reverse(graph_.order.begin(), graph_.order.end());
    for (std::size_t i = 0; i < graph_.order.size(); ++i)
      graph_.position[graph_.order[i].get()] = i;
    return std::move(graph_);
  }

 private:
  struct Frame {
    MetaPtr meta;
    const Edges* inputs;
    std::size_t next = 0;
  };
  static constexpr std::size_t kOpen = static_cast<std::size_t>(-1);

  void enter(const MetaPtr& meta) {
    static const Edges none;
    graph_.position[meta.get()] = kOpen;
    stack_.push_back({meta, meta->grad_fn ? &meta->grad_fn->edges() : &none});
  }
  void visit(const MetaPtr& meta) {
    const auto found = graph_.position.find(meta.get());
    if (found == graph_.position.end()) {
      enter(meta);
    } else if (found->second == kOpen) {
      fail<StateError>("the gradient graph has a cycle: a tensor depends on itself");
    }
  }
  void leave() {
    graph_.position[stack_.back().meta.get()] = 0;
    graph_.order.push_back(std::move(stack_.back().meta));
    stack_.pop_back();
  }

  Graph graph_;
  std::vector<Frame> stack_;
};

Array starting_gradient(const Tensor& root, const Array& seed) {
  const Shape& shape = root.shape();
  if (!seed.defined()) {
    if (root.array().size() != 1) {
      fail<ValueError>(
          "backward() on a non-scalar tensor of shape ", to_string(shape),
          " needs a gradient of that shape; or reduce it first, as in t.sum().backward()");
    }
    return Array::full(shape, 1.0, gradient_type(root.dtype()));
  }
  const Array g = seed.astype(gradient_type(root.dtype()));
  if (g.shape() == shape) return g;
  if (g.size() == root.array().size()) return g.reshape(shape);
  return g.expand(shape).contiguous();
}

void add_to(Array& total, Array g) {
  if (!total.defined()) {
    total = std::move(g);
  } else if (total.unique() && !is_half(total.dtype()) &&
             (total.is_contiguous() || is_channels_last(total))) {
    ops::add_in_place(total, g);
  } else {
    total = ops::add(total, g);
  }
}

// The one place where broadcasting is undone. Nodes defined in Python may also give the right
// number of values in another shape.
Array fit(Array g, const GradMeta& meta) {
  if (!(g.shape() == meta.shape)) {
    g = g.size() == numel(meta.shape) ? g.reshape(meta.shape) : ops::reduce_to_shape(g, meta.shape);
  }
  // What an operator made for a bfloat16 tensor within the graph may stay as it is.
  if (g.dtype() == DType::bf16 && meta.dtype == DType::bf16 && meta.grad_fn) return g;
  return ops::cast(g, gradient_type(meta.dtype));
}

Array run_hooks(const GradMeta& meta, Array g) {
  const auto hooks = meta.hooks();  // a copy: a hook may remove itself
  if (!hooks.empty()) g = ops::cast(g, gradient_type(meta.dtype));
  for (const auto& [id, hook] : hooks) {
    const Array replaced = hook(g);
    if (replaced.defined()) g = fit(replaced, meta);
  }
  return g;
}

// A node may have been moved to a tensor with an extra dimension of size 1.
Array as_made(const Array& dy, const Shape& made) {
  if (dy.shape() == made) return dy;
  if (dy.size() == numel(made)) return dy.reshape(made);
  fail<ShapeError>("a gradient of shape ", to_string(dy.shape()),
                   " reached an operation whose result had shape ", to_string(made),
                   "; was its _grad_fn put on another tensor, or its data replaced?");
}

void propagate(const Graph& graph, std::vector<Array>& pending, Node& node, const Array& dy) {
  const Edges& edges = node.edges();
  Grads grads(edges);
  for (std::size_t i = 0; i < edges.size(); ++i) {
    if (!grads.want(i)) continue;
    const auto at = graph.position.find(edges[i].get());
    if (at == graph.position.end()) continue;  // began to require grad during this pass
    grads.add_up_in(i, &pending[at->second]);
  }
  const Array taken = node.takes_half() || !is_half(dy.dtype()) ? dy : ops::to_compute(dy);
  node.backward(node.fixed_shape() ? as_made(taken, node.output_shape()) : taken, grads);
  for (std::size_t i = 0; i < edges.size(); ++i) {
    Array* sum = grads.added_up_in(i);
    if (sum == nullptr || !grads.want(i) || !grads[i].defined()) continue;
    add_to(*sum, fit(std::move(grads[i]), *edges[i]));
  }
}

}  // namespace

void backward(const Tensor& root, Array seed, BackwardOptions options) {
  if (!root.requires_grad()) return;
  NoGrad guard;
  const Graph graph = Sorter().sort(root.meta());
  std::vector<Array> pending(graph.order.size());
  pending[0] = starting_gradient(root, seed);
  for (std::size_t i = 0; i < graph.order.size(); ++i) {
    throw_if_interrupted();
    GradMeta& meta = *graph.order[i];
    Array g = std::move(pending[i]);
    if (!g.defined()) continue;
    g = run_hooks(meta, std::move(g));
    const std::shared_ptr<Node> node = meta.grad_fn;
    if (node) propagate(graph, pending, *node, g);
    if (meta.observed || !node) meta.accumulate(std::move(g));
    if (options.free_graph && node) node->release();
  }
}

}  // namespace tt::autograd
