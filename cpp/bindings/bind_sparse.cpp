// tinytorch._core.sparse: pruning masks, and layers over sparse containers.
#include <pybind11/stl.h>

#include <memory>
#include <string>

#include "layer_binding.hpp"
#include "tinytorch/sparse/bsr.hpp"
#include "tinytorch/sparse/conv2d_sparse.hpp"
#include "tinytorch/sparse/csr.hpp"
#include "tinytorch/sparse/linear_sparse.hpp"
#include "tinytorch/sparse/mask.hpp"
#include "tinytorch/sparse/nm.hpp"
#include "tinytorch/sparse/quantile.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

using sparse::BsrMatrix;
using sparse::CsrMatrix;
using sparse::LinearBsr;
using sparse::NmMatrix;

// One Python class per stored format.
struct LinearCsr : sparse::LinearSparse {
  using LinearSparse::LinearSparse;
  const CsrMatrix& matrix() const { return static_cast<const CsrMatrix&>(weight()); }
};
struct LinearNm : sparse::LinearSparse {
  using LinearSparse::LinearSparse;
  const NmMatrix& matrix() const { return static_cast<const NmMatrix&>(weight()); }
};
struct Conv2dCsr : sparse::Conv2dSparse {
  using Conv2dSparse::Conv2dSparse;
  const CsrMatrix& matrix() const { return static_cast<const CsrMatrix&>(weight()); }
};

// int8 weights keep their type; anything else is float32.
Array weights_of(py::handle object) {
  const Array a = array_of(object);
  return a.dtype() != DType::i8 ? a.astype(DType::f32) : a;
}

void bind_masks(py::module_& m) {
  m.def(
      "magnitude_mask",
      [](py::handle w, double sparsity) {
        return to_numpy(sparse::magnitude_mask(floats_of(w), sparsity));
      },
      py::arg("w"), py::arg("sparsity"),
      "bool mask without the round(sparsity * size) smallest magnitudes.");
  m.def(
      "magnitude_masks",
      [](const py::sequence& weights, double sparsity) {
        const std::vector<Array> arrays = all_floats_of(weights);
        py::list masks;
        for (const Array& mask : sparse::magnitude_masks(arrays, sparsity))
          masks.append(to_numpy(mask));
        return masks;
      },
      py::arg("weights"), py::arg("sparsity"), "As magnitude_mask, over all tensors together.");
  m.def(
      "nm_mask",
      [](py::handle w, index_t n, index_t m_, int axis) {
        return to_numpy(sparse::nm_mask(floats_of(w), n, m_, axis));
      },
      py::arg("w"), py::arg("n"), py::arg("m"), py::arg("axis") = -1,
      "Keeps the n largest magnitudes of every m consecutive weights along an axis.");
  m.def(
      "block_mask",
      [](py::handle w, double sparsity, index_t rows, index_t columns) {
        return to_numpy(sparse::block_mask(floats_of(w), sparsity, rows, columns));
      },
      py::arg("w"), py::arg("sparsity"), py::arg("block_rows"), py::arg("block_columns"),
      "Removes whole blocks of a matrix, those with the smallest norms.");
  m.def(
      "strongest_slices",
      [](py::handle w, int axis, index_t keep, int p) {
        return sparse::strongest_slices(floats_of(w), axis, keep, p);
      },
      py::arg("w"), py::arg("axis"), py::arg("keep"), py::arg("p") = 2,
      "Rising indices of the `keep` slices along an axis with the largest L1 or L2 norms.");
  m.def(
      "magnitude_quantile",
      [](py::handle w, double q) { return sparse::magnitude_quantile(floats_of(w), q); },
      py::arg("w"), py::arg("q"),
      "The q-quantile of |w|, interpolated linearly; NaN where w holds one.");
  m.def(
      "apply_mask",
      [](py::handle w, py::handle mask) {
        return to_numpy(sparse::apply_mask(floats_of(w), array_of(mask)));
      },
      py::arg("w"), py::arg("mask"));
  m.def(
      "sparsity_of", [](py::handle w) { return sparse::sparsity_of(floats_of(w)); }, py::arg("w"),
      "Fraction of elements that are zero.");
}

// Members that the layers over CSR and N:M rows share. A state begins with the parts of its matrix.
template <class Layer, class Class>
void def_rows(Class& c) {
  c.def(
       "to_dense", [](const Layer& l) { return to_numpy(l.weight().to_dense()); },
       "float32 (out, in).")
      .def_property_readonly("nonzeros", [](const Layer& l) { return l.weight().nonzeros(); })
      .def_property_readonly("is_int8", [](const Layer& l) { return l.weight().is_int8(); });
  def_layer<Layer>(c);
}
template <class Layer, class Class>
void def_linear(Class& c) {
  c.def(
       "forward",
       [](const Layer& l, py::handle x) {
         return apply_layer(x, l.out_features(), [&](const Array& a) { return l.forward(a); });
       },
       py::arg("x"))
      .def_property_readonly("in_features", &Layer::in_features)
      .def_property_readonly("out_features", &Layer::out_features);
  def_rows<Layer>(c);
}

void put_csr(py::dict& state, const CsrMatrix& m) {
  state["row_pointers"] = numpy_copy(m.row_pointers());
  state["columns"] = numpy_copy(m.column_bytes());
  state["values"] = numpy_copy(m.values());
  if (m.scales().defined()) state["scales"] = numpy_copy(m.scales());
}
std::shared_ptr<CsrMatrix> csr_part(const py::dict& s, index_t rows, index_t columns) {
  return std::make_shared<CsrMatrix>(rows, columns, state_part(s, "row_pointers"),
                                     state_part(s, "columns"), state_part(s, "values"),
                                     optional_part(s, "scales"));
}

void bind_linear_csr(py::module_& m) {
  py::class_<LinearCsr> c(m, "LinearCsr", "y = x W^T + b over compressed sparse rows. Immutable.");
  c.def(py::init([](py::handle weight, py::handle bias, py::handle scales, float input_scale) {
          return LinearCsr(std::make_shared<CsrMatrix>(
                               CsrMatrix::from_dense(weights_of(weight), optional_floats(scales))),
                           optional_floats(bias), input_scale);
        }),
        py::arg("weight"), py::arg("bias") = py::none(), py::arg("scales") = py::none(),
        py::arg("input_scale") = 0.0f)
      .def("state",
           [](const LinearCsr& l) {
             py::dict state;
             state["shape"] = int_array(l.out_features(), l.in_features());
             put_csr(state, l.matrix());
             put_optional(state, l.bias(), l.input_scale());
             return state;
           })
      .def_static(
          "from_state",
          [](const py::dict& s) {
            const Dims shape = ints_part(s, "shape", 2);
            return LinearCsr(csr_part(s, shape[0], shape[1]), optional_part(s, "bias"),
                             scale_part(s));
          },
          py::arg("state"));
  def_linear<LinearCsr>(c);
}

void bind_linear_nm(py::module_& m) {
  py::class_<LinearNm> c(m, "LinearNm", "y = x W^T + b with N:M sparse weights. Immutable.");
  c.def(py::init([](py::handle weight, index_t n, index_t m_, py::handle bias, py::handle scales,
                    float input_scale) {
          return LinearNm(std::make_shared<NmMatrix>(NmMatrix::from_dense(weights_of(weight), n, m_,
                                                                          optional_floats(scales))),
                          optional_floats(bias), input_scale);
        }),
        py::arg("weight"), py::arg("n") = 2, py::arg("m") = 4, py::arg("bias") = py::none(),
        py::arg("scales") = py::none(), py::arg("input_scale") = 0.0f)
      .def("state",
           [](const LinearNm& l) {
             py::dict state;
             state["pattern"] = int_array(l.in_features(), l.matrix().n(), l.matrix().m());
             state["values"] = numpy_copy(l.matrix().values());
             state["positions"] = numpy_copy(l.matrix().positions());
             if (l.matrix().scales().defined()) state["scales"] = numpy_copy(l.matrix().scales());
             put_optional(state, l.bias(), l.input_scale());
             return state;
           })
      .def_static(
          "from_state",
          [](const py::dict& s) {
            const Dims p = ints_part(s, "pattern", 3);
            return LinearNm(
                std::make_shared<NmMatrix>(p[0], p[1], p[2], state_part(s, "values"),
                                           state_part(s, "positions"), optional_part(s, "scales")),
                optional_part(s, "bias"), scale_part(s));
          },
          py::arg("state"));
  def_linear<LinearNm>(c);
}

void bind_linear_bsr(py::module_& m) {
  py::class_<LinearBsr> c(m, "LinearBsr",
                          "y = x W^T + b over blocks of `depth` inputs by 16 outputs. Immutable.");
  c.def(py::init([](py::handle weight, index_t depth, py::handle bias, py::handle scales,
                    float input_scale) {
          return LinearBsr(
              BsrMatrix::from_dense(weights_of(weight), depth, optional_floats(scales)),
              optional_floats(bias), input_scale);
        }),
        py::arg("weight"), py::arg("depth") = 4, py::arg("bias") = py::none(),
        py::arg("scales") = py::none(), py::arg("input_scale") = 0.0f)
      .def(
          "forward",
          [](const LinearBsr& l, py::handle x) {
            return apply_layer(x, l.weight().rows(), [&](const Array& a) { return l.forward(a); });
          },
          py::arg("x"))
      .def("state",
           [](const LinearBsr& l) {
             const BsrMatrix& w = l.weight();
             py::dict state;
             state["shape"] = int_array(w.rows(), w.columns(), w.depth());
             state["band_pointers"] = numpy_copy(w.band_pointers());
             state["blocks"] = numpy_copy(w.block_bytes());
             state["values"] = numpy_copy(w.values());
             if (w.scales().defined()) state["scales"] = numpy_copy(w.scales());
             put_optional(state, l.bias(), l.input_scale());
             return state;
           })
      .def_static(
          "from_state",
          [](const py::dict& s) {
            const Dims shape = ints_part(s, "shape", 3);
            return LinearBsr(BsrMatrix(shape[0], shape[1], shape[2], state_part(s, "band_pointers"),
                                       state_part(s, "blocks"), state_part(s, "values"),
                                       optional_part(s, "scales")),
                             optional_part(s, "bias"), scale_part(s));
          },
          py::arg("state"))
      .def("to_dense", [](const LinearBsr& l) { return to_numpy(l.weight().to_dense()); })
      .def_property_readonly("in_features", [](const LinearBsr& l) { return l.weight().columns(); })
      .def_property_readonly("out_features", [](const LinearBsr& l) { return l.weight().rows(); })
      .def_property_readonly("depth", [](const LinearBsr& l) { return l.weight().depth(); })
      .def_property_readonly("blocks", [](const LinearBsr& l) { return l.weight().blocks(); })
      .def_property_readonly("is_int8", [](const LinearBsr& l) { return l.weight().is_int8(); });
  def_layer<LinearBsr>(c);
}

// (out, in / groups, kh, kw) as rows of out.
Array as_rows(const Array& weight) {
  if (!weight.defined() || weight.ndim() != 4) {
    fail<ShapeError>("Conv2dCsr needs a weight of shape (out, in / groups, kh, kw)");
  }
  const index_t rows = weight.shape(0);
  return weight.reshape({rows, rows == 0 ? 0 : weight.size() / rows});
}

void bind_conv_csr(py::module_& m) {
  py::class_<Conv2dCsr> c(m, "Conv2dCsr",
                          "2-D convolution over compressed sparse kernels. Immutable.");
  c.def(py::init([](py::handle weight, py::handle bias, py::handle scales, py::handle stride,
                    py::handle padding, py::handle dilation, index_t groups, float input_scale) {
          const Array w = weights_of(weight);
          return Conv2dCsr(std::make_shared<CsrMatrix>(
                               CsrMatrix::from_dense(as_rows(w), optional_floats(scales))),
                           w.shape(), optional_floats(bias), window_of(stride, padding, dilation),
                           groups, input_scale);
        }),
        py::arg("weight"), py::arg("bias") = py::none(), py::arg("scales") = py::none(),
        py::arg("stride") = 1, py::arg("padding") = 0, py::arg("dilation") = 1,
        py::arg("groups") = 1, py::arg("input_scale") = 0.0f)
      .def(
          "forward",
          [](const Conv2dCsr& l, py::handle x) {
            return apply_layer(x, l.weight_shape()[0],
                               [&](const Array& a) { return l.forward(a); });
          },
          py::arg("x"))
      .def("state",
           [](const Conv2dCsr& l) {
             const Shape& s = l.weight_shape();
             py::dict state;
             state["shape"] = int_array(s[0], s[1], s[2], s[3]);
             state["geometry"] = geometry_array(l.window(), l.groups());
             put_csr(state, l.matrix());
             put_optional(state, l.bias(), l.input_scale());
             return state;
           })
      .def_static(
          "from_state",
          [](const py::dict& s) {
            const Shape shape = ints_part(s, "shape", 4);
            const Geometry g = geometry_part(s);
            return Conv2dCsr(csr_part(s, shape[0], numel({shape[1], shape[2], shape[3]})), shape,
                             optional_part(s, "bias"), g.window, g.groups, scale_part(s));
          },
          py::arg("state"))
      .def_property_readonly("weight_shape", [](const Conv2dCsr& l) {
        const Shape& s = l.weight_shape();
        return py::make_tuple(s[0], s[1], s[2], s[3]);
      });
  def_rows<Conv2dCsr>(c);
}

}  // namespace

void bind_sparse(py::module_& m) {
  auto sparse = m.def_submodule("sparse", "Pruning masks and sparse layers.");
  bind_masks(sparse);
  bind_linear_csr(sparse);
  bind_linear_nm(sparse);
  bind_linear_bsr(sparse);
  bind_conv_csr(sparse);
}

}  // namespace tt::bindings
