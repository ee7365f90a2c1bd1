// tinytorch._core.runtime: inference sessions.
#include <pybind11/stl.h>

#include "layer_binding.hpp"
#include "tinytorch/runtime/cnn/session.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

using runtime::CnnNode;
using Kind = CnnNode::Kind;

// One node of the list, ("kind", ...), with the arrays that its name stands for.
class NodeReader {
 public:
  NodeReader(const py::tuple& node, const py::dict& weights) : node_(node), weights_(weights) {}

  CnnNode read() {
    if (node_.empty() || !py::isinstance<py::str>(node_[0])) {
      fail<ValueError>("a node is a tuple that begins with its kind, got ", text(node_));
    }
    kind_ = std::string(py::str(node_[0]));
    CnnNode n;
    if (kind_ == "conv") {
      read_conv(n);
    } else if (kind_ == "bn") {
      read_norm(n);
    } else if (kind_ == "linear") {
      need(4, 4, "name, in, out");
      name(n), n.kind = Kind::linear;
      n.weight = part(".w"), n.bias = optional(".b");
      need_shape(n.weight, {integer(3), integer(2)});
    } else if (kind_ == "maxpool") {
      need(2, 2, "size");
      n.kind = Kind::max_pool, n.size = integer(1);
    } else if (kind_ == "proj") {
      need(2, 2, "nodes");
      n.kind = Kind::project;
      n.branch = read_all(py::object(node_[1]), weights_);
    } else {
      need(1, 1, "");
      n.kind = plain_kind();
    }
    return n;
  }

  static std::vector<CnnNode> read_all(py::handle nodes, const py::dict& weights) {
    // A list that holds itself would be read forever.
    if (Py_EnterRecursiveCall(" while a list of nodes was read") != 0)
      throw py::error_already_set();
    struct Leave {
      ~Leave() { Py_LeaveRecursiveCall(); }
    } leave;
    std::vector<CnnNode> all;
    if (!py::isinstance<py::list>(nodes) && !py::isinstance<py::tuple>(nodes)) {
      fail<TypeError>("nodes must be a list of tuples, got ", text(nodes));
    }
    for (const py::handle node : nodes) {
      if (!py::isinstance<py::tuple>(node) && !py::isinstance<py::list>(node)) {
        fail<TypeError>("a node is a tuple that begins with its kind, got ", text(node));
      }
      all.push_back(
          NodeReader(py::tuple(py::reinterpret_borrow<py::object>(node)), weights).read());
    }
    return all;
  }

 private:
  static std::string text(py::handle object) {
    std::string s = py::repr(object);
    return s.size() > 200 ? s.substr(0, 200) + "..." : s;
  }

  Kind plain_kind() const {
    if (kind_ == "relu") return Kind::relu;
    if (kind_ == "gap") return Kind::average_pool;
    if (kind_ == "flatten") return Kind::flatten;
    if (kind_ == "push") return Kind::push;
    if (kind_ == "add") return Kind::add;
    fail<ValueError>("unknown node '", kind_,
                     "'; use conv, bn, relu, maxpool, gap, flatten, linear, push, proj or add");
  }

  void read_conv(CnnNode& n) {
    need(7, 8, "name, in, out, kernel, stride, padding[, groups]");
    name(n), n.kind = Kind::conv;
    n.weight = part(".w"), n.bias = optional(".b");
    n.stride = integer(5), n.padding = integer(6);
    if (node_.size() == 8) n.groups = integer(7);
    if (n.groups < 1) fail<ValueError>("'", n.name, "': groups must be at least 1, got ", n.groups);
    need_shape(n.weight, {integer(3), integer(2) / n.groups, integer(4), integer(4)});
  }
  void read_norm(CnnNode& n) {
    need(3, 3, "name, channels");
    name(n), n.kind = Kind::batch_norm;
    n.gamma = part(".gamma"), n.beta = part(".beta");
    n.mean = part(".mean"), n.variance = part(".var");
    need_shape(n.gamma, {integer(2)});
  }

  void need(std::size_t least, std::size_t most, const char* rest) const {
    if (node_.size() >= least && node_.size() <= most) return;
    fail<ValueError>("a node '", kind_, "' is ('", kind_, *rest != 0 ? "', " : "',", rest,
                     "), got ", text(node_));
  }
  void need_shape(const Array& a, const Shape& shape) const {
    if (a.shape() == shape) return;
    fail<ShapeError>("node ", text(node_), " needs a weight of shape ", to_string(shape), ", got ",
                     to_string(a.shape()));
  }
  void name(CnnNode& n) {
    if (!py::isinstance<py::str>(node_[1])) {
      fail<TypeError>("a node's name must be text, got ", text(node_));
    }
    n.name = name_ = std::string(py::str(node_[1]));
  }
  index_t integer(std::size_t i) const { return index_from(py::object(node_[i])); }

  Array part(const char* suffix) const {
    const std::string key = name_ + suffix;
    if (!weights_.contains(key)) {
      fail<ValueError>("the weights lack '", key, "', which node ", text(node_), " needs");
    }
    return floats_of(weights_[key.c_str()]);
  }
  Array optional(const char* suffix) const {
    const std::string key = name_ + suffix;
    return weights_.contains(key) ? optional_floats(weights_[key.c_str()]) : Array();
  }

  const py::tuple& node_;
  const py::dict& weights_;
  std::string kind_, name_;
};

runtime::Value shape_from(py::handle shape) {
  const Dims d = dims_from(shape);
  if (d.size() != 3) {
    fail<ShapeError>("input_shape must be (channels, height, width), got ", to_string(d));
  }
  return {d[0], d[1], d[2]};
}

std::unique_ptr<runtime::CnnSession> make_session(
    py::handle nodes, const py::dict& weights, py::handle input_shape, index_t batch,
    const std::string& precision, py::handle calibration, const std::string& method,
    double percentile, const std::vector<std::pair<float, float>>& ranges) {
  runtime::CnnOptions options;
  options.batch = batch;
  options.precision = runtime::cnn_precision_from_name(precision);
  options.calibration = optional_array(calibration);
  options.calibrated = {quant::calibration_from_name(method), percentile};
  for (const auto& [low, high] : ranges) options.ranges.push_back({low, high});
  return std::make_unique<runtime::CnnSession>(NodeReader::read_all(nodes, weights),
                                               shape_from(input_shape), options);
}

}  // namespace

void bind_runtime(py::module_& parent) {
  using runtime::CnnSession;
  py::module_ m = parent.def_submodule("runtime", "Inference sessions with a plan made once.");
  py::class_<CnnSession>(m, "CnnSession", "Inference with a convolutional network.")
      .def(py::init(&make_session), py::arg("nodes"), py::arg("weights"), py::arg("input_shape"),
           py::arg("batch") = 1, py::arg("precision") = "f32", py::arg("calibration") = py::none(),
           py::arg("method") = "minmax", py::arg("percentile") = 99.99,
           py::arg("ranges") = std::vector<std::pair<float, float>>())
      .def(
          "run",
          [](CnnSession& self, py::handle images) {
            const bool tensor = is_tensor(images);
            const Array input = tensor ? tensor_of(images).array() : array_of(images);
            Array logits;
            {
              ReleaseGil release;
              logits = self.run(input);
            }
            if (tensor) return pybind11::cast(autograd::Tensor(logits));
            return py::object(to_numpy(logits));
          },
          py::arg("images"),
          "Logits (n, outputs) of images (n, channels, height, width): a Tensor for a Tensor, else "
          "an ndarray.")
      .def("describe", &CnnSession::describe, "The steps, a line each, and the memory.")
      .def("memory",
           [](const CnnSession& self) {
             const CnnSession::Memory memory = self.memory();
             return std::map<std::string, index_t>{{"activations", memory.activations},
                                                   {"workspace", memory.workspace}};
           })
      .def_property_readonly("outputs", &CnnSession::outputs)
      .def_property_readonly(
          "ranges",
          [](const CnnSession& self) {
            std::vector<std::pair<float, float>> pairs;
            for (const auto& r : self.ranges()) pairs.emplace_back(r.low, r.high);
            return pairs;
          },
          "int8: the smallest and largest number that the codes of each value stand for.");
}

}  // namespace tt::bindings
