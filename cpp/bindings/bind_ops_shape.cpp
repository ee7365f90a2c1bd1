#include <pybind11/stl.h>

#include "index_key.hpp"
#include "ops_module.hpp"

namespace py = pybind11;

namespace tt::bindings {

using autograd::Tensor;

namespace {

std::vector<Tensor> tensors_from(py::handle sequence, const char* what) {
  if (is_tensor(sequence)) fail<TypeError>(what, " takes a list of tensors, got a single Tensor");
  std::vector<Tensor> out;
  for (py::handle item : sequence) out.push_back(operand(item));
  return out;
}

std::vector<index_t> part_sizes(py::handle given, index_t total) {
  if (!PyIndex_Check(given.ptr())) {
    const Dims dims = dims_from(given);
    return {dims.begin(), dims.end()};
  }
  const index_t size = index_from(given);
  if (size < 1) fail<ValueError>("split needs a size of at least 1, got ", size);
  constexpr index_t kMaxParts = index_t{1} << 20;  // each is a tensor of its own
  if (total / size > kMaxParts) {
    fail<ValueError>("split would make ", total / size, " tensors of size ", size, "; at most ",
                     kMaxParts, " are made, use reshape for more");
  }
  std::vector<index_t> sizes;
  for (index_t at = 0; at < total; at += size) sizes.push_back(std::min(size, total - at));
  if (sizes.empty()) sizes.push_back(0);
  return sizes;
}

std::vector<ops::PadWidth> pad_widths(py::handle widths) {
  std::vector<ops::PadWidth> out;
  for (py::handle pair : widths) {
    const Dims dims = dims_from(pair);
    if (dims.size() != 2) fail<ValueError>("each pad width is a pair (before, after)");
    out.push_back({dims[0], dims[1]});
  }
  return out;
}

void bind_views(py::module_& m) {
  bind_op(
      m, "reshape",
      [](py::handle x, py::handle shape) {
        return view_of(x, [&](const Tensor& t) { return autograd::reshape(t, dims_from(shape)); });
      },
      py::arg("x").none(false), py::arg("shape"));
  bind_op(
      m, "transpose",
      [](py::handle x, index_t a, index_t b) {
        return view_of(x, [&](const Tensor& t) { return autograd::transpose(t, a, b); });
      },
      py::arg("x").none(false), py::arg("dim0"), py::arg("dim1"));
  bind_op(
      m, "permute",
      [](py::handle x, py::handle axes) {
        return view_of(x, [&](const Tensor& t) { return autograd::permute(t, dims_from(axes)); });
      },
      py::arg("x").none(false), py::arg("axes"));
  bind_op(
      m, "expand",
      [](py::handle x, py::handle shape) {
        return view_of(x, [&](const Tensor& t) { return autograd::expand(t, dims_from(shape)); });
      },
      py::arg("x").none(false), py::arg("shape"));
  bind_op(
      m, "squeeze",
      [](py::handle x, std::optional<index_t> axis) {
        return view_of(x, [&](const Tensor& t) { return autograd::squeeze(t, axis); });
      },
      py::arg("x").none(false), py::arg("axis") = py::none());
  bind_op(
      m, "unsqueeze",
      [](py::handle x, index_t axis) {
        return view_of(x, [&](const Tensor& t) { return autograd::unsqueeze(t, axis); });
      },
      py::arg("x").none(false), py::arg("axis"));
  bind_op(
      m, "flip",
      [](py::handle x, py::handle axis) {
        return view_of(x, [&](const Tensor& t) { return autograd::flip(t, dims_from(axis)); });
      },
      py::arg("x").none(false), py::arg("axis"));
  bind_op(
      m, "index",
      [](py::handle x, py::handle key) {
        return view_of(x, [&](const Tensor& t) { return autograd::index(t, index_key(key)); });
      },
      py::arg("x").none(false), py::arg("key"));
  bind_op(
      m, "split",
      [](py::handle x, py::handle sizes, index_t axis) {
        const Tensor t = operand(x);
        const int d = normalize_axis(axis, t.array().ndim());
        std::vector<Tensor> parts = autograd::split(t, part_sizes(sizes, t.shape()[d]), axis);
        if (is_tensor(x)) {
          for (Tensor& part : parts) part = unshared_view(part, x);
        }
        return parts;
      },
      py::arg("x").none(false), py::arg("size_or_sections"), py::arg("axis") = 0);
}

}  // namespace

void bind_ops_shape(py::module_& m) {
  bind_views(m);
  bind_op(
      m, "concat",
      [](py::handle xs, index_t axis) {
        return autograd::concat(tensors_from(xs, "concat"), axis);
      },
      py::arg("tensors"), py::arg("axis") = 0);
  bind_op(
      m, "stack",
      [](py::handle xs, index_t axis) { return autograd::stack(tensors_from(xs, "stack"), axis); },
      py::arg("tensors"), py::arg("axis") = 0);
  bind_op(
      m, "pad",
      [](const Tensor& x, py::handle widths, double value) {
        return autograd::pad(x, pad_widths(widths), value);
      },
      py::arg("x").none(false), py::arg("widths"), py::arg("value") = 0.0);
  bind_op(
      m, "gather",
      [](Tensor x, index_t axis, Tensor index) {
        const WithoutGil released(x, index);
        return autograd::gather(x, axis, index);
      },
      py::arg("x").none(false), py::arg("axis"), py::arg("index").none(false));
  bind_op(
      m, "scatter_add",
      [](Tensor x, index_t axis, Tensor index, Tensor source) {
        const WithoutGil released(x, index, source);
        return autograd::scatter_add(x, axis, index, source);
      },
      py::arg("x").none(false), py::arg("axis"), py::arg("index").none(false),
      py::arg("source").none(false));
  bind_op(
      m, "embedding",
      [](Tensor weight, Tensor indices) {
        const WithoutGil released(weight, indices);
        return autograd::embedding(weight, indices);
      },
      py::arg("weight").none(false), py::arg("indices").none(false));
}

}  // namespace tt::bindings
