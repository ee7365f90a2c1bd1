// tinytorch._core.runtime: linear layers and stacks of them with weights packed once.
#include <pybind11/stl.h>

#include "layer_binding.hpp"
#include "tinytorch/kernels/gemm_s8/packed_s8.hpp"
#include "tinytorch/runtime/mlp_session.hpp"
#include "tinytorch/runtime/packed_linear.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

using runtime::MlpSession;
using runtime::PackedLinear;

constexpr index_t kReleaseAboveProducts = 1 << 18;

// x (..., in) as contiguous float32 rows; ShapeError naming what was wanted.
Array rows_of(const Array& x, index_t in) {
  if (x.ndim() == 0 || x.shape().back() != in) {
    fail<ShapeError>("Inner dimensions must match: the session has ", in,
                     " inputs, got an input of shape ", to_string(x.shape()));
  }
  return x.astype(DType::f32).contiguous();
}

// run(rows, count, out) on any leading dimensions; a Tensor for a Tensor, else an ndarray.
template <class Run>
py::object over_rows(py::handle x, index_t in, index_t out, index_t products, const Run& run) {
  const bool tensor = is_tensor(x);
  const Array rows = rows_of(tensor ? tensor_of(x).array() : array_of(x), in);
  Shape shape = rows.shape();
  shape[shape.size() - 1] = out;
  const Array y = Array::empty(shape);
  const index_t count = in == 0 ? 0 : rows.size() / in;
  {
    const ReleaseGil release(count * products > kReleaseAboveProducts);
    run(rows.data<float>(), count, y.data<float>());
  }
  if (tensor) return py::cast(autograd::Tensor(y));
  return to_numpy(y);
}

void bind_linear_session(py::module_& m) {
  py::class_<PackedLinear>(m, "LinearSession",
                           "A linear layer y = x W^T + b whose weight was packed once in a number "
                           "format; immutable, shared by threads.")
      .def(py::init([](py::handle weight, py::handle bias, const std::string& precision) {
             const Array w = floats_of(weight), b = optional_floats(bias);
             const runtime::Precision format = runtime::precision_from_name(precision);
             const ReleaseGil release;
             return std::make_unique<PackedLinear>(w, b, format);
           }),
           py::arg("weight"), py::arg("bias") = py::none(), py::arg("precision") = "f32",
           "weight (out, in), bias (out,) or None; precision f32, bf16, int8 or int4.")
      .def(
          "__call__",
          [](const PackedLinear& self, py::handle x) {
            const index_t in = self.in_features(), out = self.out_features();
            return over_rows(x, in, out, in * out, [&](const float* rows, index_t n, float* y) {
              self.apply(rows, n, y);
            });
          },
          py::arg("x"), "y (..., out) of x (..., in): a Tensor for a Tensor, else an ndarray.")
      .def_property_readonly("in_features", &PackedLinear::in_features)
      .def_property_readonly("out_features", &PackedLinear::out_features)
      .def_property_readonly("nbytes", &PackedLinear::stored_bytes);
}

void bind_mlp_session(py::module_& m) {
  py::class_<MlpSession>(m, "MlpSession",
                         "Linear layers with ReLU between them: weights packed once, blocks of "
                         "rows taken through all layers; immutable, shared by threads.")
      .def(py::init([](const py::sequence& weights, const py::sequence& biases) {
             return std::make_unique<MlpSession>(all_floats_of(weights), all_floats_of(biases));
           }),
           py::arg("weights"), py::arg("biases"),
           "weights[i] (in, out) and biases[i] (out,); each layer's outputs are the next's inputs.")
      .def(
          "__call__",
          [](const MlpSession& self, py::handle x) {
            const index_t in = self.in_features(), out = self.out_features();
            return over_rows(x, in, out, self.products(),
                             [&](const float* rows, index_t n, float* y) { self.run(rows, n, y); });
          },
          py::arg("x"), "y (..., out) of x (..., in): a Tensor for a Tensor, else an ndarray.")
      .def_property_readonly("in_features", &MlpSession::in_features)
      .def_property_readonly("out_features", &MlpSession::out_features);
}

// The integers themselves: A (m, k) int8 times a constant B (k, n) int8.
void bind_matmul_int8(py::module_& m) {
  using kernels::PackedS8;
  py::class_<PackedS8>(m, "Int8Matmul",
                       "Exact integer products a @ b with a constant int8 b (k, n) in [-127, 127].")
      .def(py::init([](py::handle b) {
             const Array weight = array_of(b);
             if (weight.dtype() != DType::i8 || weight.ndim() != 2) {
               fail<TypeError>("Int8Matmul wants an int8 matrix (k, n), got ",
                               name_of(weight.dtype()), " of shape ", to_string(weight.shape()));
             }
             const Array rows = weight.transpose(0, 1).contiguous();
             return std::make_unique<PackedS8>(
                 kernels::pack_s8(rows.data<std::int8_t>(), rows.shape(0), rows.shape(1)));
           }),
           py::arg("b"))
      .def(
          "__call__",
          [](const PackedS8& self, py::handle a) {
            const Array rows = array_of(a).contiguous();
            if (rows.dtype() != DType::i8 || rows.ndim() != 2 || rows.shape(1) != self.k) {
              fail<ShapeError>("Inner dimensions must match: Int8Matmul wants int8 (rows, ", self.k,
                               "), got ", name_of(rows.dtype()), " of shape ",
                               to_string(rows.shape()));
            }
            const Array sums = Array::empty({rows.shape(0), self.n}, DType::i32);
            {
              const ReleaseGil release(rows.size() * self.n > kReleaseAboveProducts);
              kernels::gemm_s8(rows.data<std::int8_t>(), rows.shape(0), self.k, self,
                               sums.data<std::int32_t>(), self.n);
            }
            return to_numpy(sums);
          },
          py::arg("a"), "int32 (m, n) of int8 (m, k) in [-127, 127].");
}

}  // namespace

void bind_linear(py::module_& parent) {
  py::module_ m = parent.def_submodule("runtime", "Inference sessions with a plan made once.");
  bind_linear_session(m);
  bind_mlp_session(m);
  bind_matmul_int8(m);
}

}  // namespace tt::bindings
