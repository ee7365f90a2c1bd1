// The operator registry as Python sees it, and the argument helpers of the operator bindings.
#include <map>

#include "ops_module.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

struct OpInfo {
  std::string kind, signature, doc;
  bool gradient;
};

const std::map<std::string, OpInfo>& registry() {
  static const std::map<std::string, OpInfo> rows = [] {
    std::map<std::string, OpInfo> r;
#define TT_UNARY(name, saved, a, doc) r[#name] = {"unary", "x", doc, true};
#include "tinytorch/kernels/unary/unary.def"
#undef TT_UNARY
    r["leaky_relu"].signature = "x, negative_slope=0.01";
    r["elu"].signature = "x, alpha=1.0";
#define TT_BINARY(name, doc) r[#name] = {"binary", "a, b", doc, true};
#define TT_COMPARE(name, doc) r[#name] = {"compare", "a, b", doc, false};
#include "tinytorch/kernels/binary/binary.def"
#undef TT_BINARY
#undef TT_COMPARE
    constexpr bool yes = true, no = false;
#define TT_OP(name, signature, gradient, doc) r[#name] = {"op", signature, doc, gradient};
#include "tinytorch/autograd/ops.def"
#undef TT_OP
    return r;
  }();
  return rows;
}

void check_all_bound(const py::module_& m) {
  for (const auto& [name, info] : registry()) {
    if (!py::hasattr(m, name.c_str())) {
      throw py::import_error("operator '" + name + "' has a row in the registry but no binding");
    }
  }
}

}  // namespace

std::string op_doc(const char* name) {
  const auto found = registry().find(name);
  if (found == registry().end()) {
    throw py::import_error(std::string("operator '") + name + "' has no row in the registry");
  }
  return found->second.doc + ".";
}

index_t index_from(py::handle number) {
  if (!PyIndex_Check(number.ptr())) {
    fail<TypeError>("sizes and axes must be integers, got ", Py_TYPE(number.ptr())->tp_name);
  }
  const Py_ssize_t value = PyNumber_AsSsize_t(number.ptr(), PyExc_OverflowError);
  if (value == -1 && PyErr_Occurred()) throw py::error_already_set();
  return value;
}

Dims dims_from(py::handle ints) {
  if (PyIndex_Check(ints.ptr())) return {index_from(ints)};
  Dims out;
  for (py::handle item : ints) out.push_back(index_from(item));
  return out;
}

autograd::Axes axes_from(py::handle axis) {
  if (axis.is_none()) return std::nullopt;
  return dims_from(axis);
}

autograd::Pair pair_from(py::handle value, const char* what) {
  const Dims dims = dims_from(value);
  if (dims.size() == 1) return {dims[0], dims[0]};
  if (dims.size() != 2) {
    fail<ValueError>(what, " must be an int or a pair (height, width), got ", dims.size(),
                     " values");
  }
  return {dims[0], dims[1]};
}

void bind_ops(py::module_& parent) {
  py::module_ m = parent.def_submodule(
      "ops", "Differentiable operators on tensors. Operands may be tensors, numbers or arrays.");
  bind_ops_elementwise(m);
  bind_ops_reduce(m);
  bind_ops_shape(m);
  bind_ops_nn(m);
  bind_ops_conv(m);
  check_all_bound(m);
  parent.def(
      "operator_registry",
      [] {
        py::dict rows;
        for (const auto& [name, info] : registry()) {
          py::dict row;
          row["kind"] = info.kind;
          row["signature"] = info.signature;
          row["doc"] = info.doc;
          row["gradient"] = info.gradient;
          rows[py::str(name)] = row;
        }
        return rows;
      },
      "All operators: name -> {kind, signature, doc, gradient}.");
}

}  // namespace tt::bindings
