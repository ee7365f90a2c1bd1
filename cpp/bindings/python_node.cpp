#include "python_node.hpp"

#include <limits>

#include "gil.hpp"
#include "numpy_bridge.hpp"
#include "tensor_type.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

using autograd::Edges;
using autograd::Grads;
using autograd::Node;

class PythonNode final : public Node {
 public:
  explicit PythonNode(py::object function) : function_(std::move(function)) {}

  py::handle function() const { return function_.get(); }

  std::string name() const override {
    AcquireGil gil;
    return py::cast<std::string>(py::type::of(function_.get()).attr("__name__"));
  }

  bool fixed_shape() const override { return false; }

  // saved_tensors may have been edited since the node was made: look again at each pass. Edges that
  // did not change stay where they are, since another thread may be walking them.
  const Edges& edges() override {
    AcquireGil gil;
    Edges now;
    for (py::handle item : py::tuple(function_.get().attr("saved_tensors"))) {
      const bool wanted = is_tensor(item) && tensor_of(item).requires_grad();
      now.push_back(wanted ? tensor_of(item).meta() : nullptr);
    }
    if (now != edges_) edges_.swap(now);
    return edges_;
  }

  void backward(const Array& dy, Grads& grads) override {
    AcquireGil gil;
    const py::object result = function_.get().attr("apply")(to_numpy(dy.copy()));
    if (result.is_none()) return;
    const py::tuple entries = py::isinstance<py::tuple>(result) || py::isinstance<py::list>(result)
                                  ? py::tuple(result)
                                  : py::make_tuple(result);
    for (std::size_t i = 0; i < entries.size() && i < grads.size(); ++i) {
      const py::handle entry = entries[i];
      if (!entry.is_none() && grads.want(i)) grads.set(i, operand(entry).array());
    }
  }

  void release() override {}  // the graph behind it belongs to the Python object

 private:
  PyRef function_;
};

py::object& factory() {
  static auto* object = new py::object();  // outlives the interpreter's modules
  return *object;
}

// The tensor of an edge. Of one that was freed only shape and gradient are left: its values are
// NaN.
py::object tensor_of_edge(const std::shared_ptr<autograd::GradMeta>& edge) {
  if (!edge) return py::none();
  auto impl = edge->tensor.lock();
  if (!impl) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    impl = std::make_shared<autograd::TensorImpl>(Array::full(edge->shape, nan, edge->dtype));
    impl->meta = edge;
  }
  return py::reinterpret_steal<py::object>(wrap(autograd::Tensor(std::move(impl))));
}

// A rule applied by hand: ndarray in, one entry per input out.
py::tuple apply_node(const std::shared_ptr<Node>& node, const py::object& gradient) {
  Array dy = operand(gradient).array();
  const Shape& shape = node->output_shape();
  if (!(dy.shape() == shape)) dy = dy.size() == numel(shape) ? dy.reshape(shape) : dy.expand(shape);
  Grads grads(node->edges());
  {
    ReleaseGil release(dy.size() > kReleaseAbove);
    autograd::NoGrad guard;
    node->backward(dy.contiguous(), grads);
  }
  py::tuple out(grads.size());
  for (std::size_t i = 0; i < grads.size(); ++i) {
    out[i] =
        grads.want(i) && grads[i].defined() ? py::object(to_numpy(grads[i].copy())) : py::none();
  }
  return out;
}

}  // namespace

PyObject* python_function(const Node& node) {
  const auto* python = dynamic_cast<const PythonNode*>(&node);
  return python != nullptr ? python->function().ptr() : nullptr;
}

py::object node_object(const std::shared_ptr<Node>& node) {
  if (PyObject* function = python_function(*node))
    return py::reinterpret_borrow<py::object>(function);
  const py::object wrapped = py::cast(node);
  return factory() ? factory()(wrapped) : wrapped;
}

std::shared_ptr<Node> node_from_object(py::handle object) {
  if (py::isinstance<Node>(object)) return py::cast<std::shared_ptr<Node>>(object);
  const py::object inner = py::getattr(object, "_node", py::none());
  if (py::isinstance<Node>(inner)) return py::cast<std::shared_ptr<Node>>(inner);
  return std::make_shared<PythonNode>(py::reinterpret_borrow<py::object>(object));
}

void bind_nodes(py::module_& m) {
  py::class_<Node, std::shared_ptr<Node>>(m, "Node",
                                          "One operation in the engine's gradient graph.")
      .def_property_readonly("name", &Node::name)
      .def_property_readonly("output_shape",
                             [](const Node& n) {
                               py::tuple shape(n.output_shape().size());
                               for (int d = 0; d < n.output_shape().size(); ++d) {
                                 shape[static_cast<std::size_t>(d)] = n.output_shape()[d];
                               }
                               return shape;
                             })
      .def_property_readonly(
          "next_nodes",
          [](Node& n) {
            py::list out;
            for (const auto& edge : n.edges()) {
              out.append(edge && edge->grad_fn ? node_object(edge->grad_fn) : py::none());
            }
            return out;
          },
          "The _grad_fn of each input; None for leaves and inputs that need no gradient.")
      .def_property_readonly(
          "inputs",
          [](Node& n) {
            py::list out;
            for (const auto& edge : n.edges()) out.append(tensor_of_edge(edge));
            return out;
          },
          "The tensor of each input; None for inputs that need no gradient. The values of an\n"
          "intermediate result that was freed meanwhile are NaN.")
      .def("apply", &apply_node, py::arg("grad_output"));
  m.def("set_node_factory", [](py::object make) { factory() = std::move(make); });
}

}  // namespace tt::bindings
