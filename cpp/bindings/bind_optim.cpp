// tinytorch._core.optim: optimizer steps on NumPy arrays, in place, without the interpreter
// lock, and never interrupted half-way. The formulas are those of kernels/optim/optim.hpp.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cmath>
#include <vector>

#include "gil.hpp"
#include "tensor_type.hpp"
#include "tinytorch/base/error.hpp"
#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/kernels/optim/optim.hpp"
#include "tinytorch/nn/muon.hpp"
#include "tinytorch/nn/pairs.hpp"
#include "tinytorch/nn/tied_matrix.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

// The values of a contiguous float32 array; `name` is for the message.
float* values(const py::array& array, const char* name, bool written) {
  if (!py::isinstance<py::array_t<float>>(array)) {
    tt::fail<tt::DTypeError>(name, " must be a float32 array, got dtype ",
                             std::string(py::str(array.dtype())));
  }
  if (!(array.flags() & py::array::c_style)) {
    tt::fail<tt::ValueError>(name, " must be C-contiguous; use numpy.ascontiguousarray");
  }
  if (written && !array.writeable()) tt::fail<tt::ValueError>(name, " must be writable");
  return static_cast<float*>(const_cast<void*>(array.data()));
}

void check_size(const py::array& array, const py::array& w, const char* name) {
  if (array.size() != w.size()) {
    tt::fail<tt::ShapeError>(name, " has ", array.size(), " elements, the parameter ", w.size());
  }
}

// One parameter's share of a step, checked; its arrays are held by the caller.
struct Row {
  float *w, *g, *first, *second;  // moments: null where there are none
  std::int64_t size;
};

float* moment(const py::handle& given, const py::array& w, const char* name) {
  const auto array = py::cast<py::array>(given);
  check_size(array, w, name);
  return values(array, name, true);
}

Row row(const py::array& w, const py::array& g, const py::handle& first, const py::handle& second) {
  check_size(g, w, "g");
  const bool adam = !second.is_none();
  return {values(w, "w", true), values(g, "g", false),
          first.is_none() ? nullptr : moment(first, w, adam ? "m" : "momentum_buffer"),
          adam ? moment(second, w, "v") : nullptr, w.size()};
}

template <class Step>
void update(const std::vector<Row>& rows, Step step) {
  const ReleaseGil unlocked;
  const tt::Uninterrupted whole;
  for (const Row& r : rows) step(r);
}

// Whether the tensor's values are seen by nobody else: neither another array of the engine, nor a
// name or a view in Python. An ndarray that the tensor adopted is held by the tensor twice: as its
// memory's owner and as its `data`.
bool unshared(const py::handle& parameter) {
  if (!is_tensor(parameter)) tt::fail<tt::TypeError>("a parameter must be a Tensor");
  tensor_of(parameter);
  const PyTensor& t = *raw(parameter);
  const Array& array = t.tensor.array();
  if (array.dtype() != DType::f32 || !array.is_contiguous() || t.data == nullptr) return false;
  if (!array.storage()->foreign() || !array.storage()->writable()) return false;
  if (array.storage()->use_count() != 1 || Py_REFCNT(t.data) != 2) return false;
  const auto values = py::reinterpret_borrow<py::array>(t.data);
  const auto& fields = *py::detail::array_proxy(values.ptr());
  return (values.flags() & py::detail::npy_api::NPY_ARRAY_OWNDATA_) != 0 && fields.base == nullptr;
}

// Python acts on Ctrl-C between its own instructions: assignments made here belong together.
void set_attributes(const py::list& changes) {
  const tt::Uninterrupted whole;
  for (const py::handle given : changes) {
    const auto change = py::cast<py::tuple>(given);
    if (change.size() != 3) tt::fail<tt::ValueError>("a change is (object, attribute, value)");
    if (PyObject_SetAttr(change[0].ptr(), change[1].ptr(), change[2].ptr()) != 0) {
      throw py::error_already_set();
    }
  }
}

void run_sgd(const std::vector<Row>& rows, double lr, double momentum, double weight_decay,
             bool nesterov) {
  const tt::kernels::SgdArgs args{static_cast<float>(lr), static_cast<float>(momentum),
                                  static_cast<float>(weight_decay), nesterov};
  update(rows, [&](const Row& r) { tt::kernels::sgd(r.w, r.g, r.first, r.size, args); });
}

void run_adam(const std::vector<Row>& rows, double lr, double beta1, double beta2, double eps,
              double weight_decay, std::int64_t step, bool decoupled) {
  if (step < 1) tt::fail<tt::ValueError>("step counts from 1, got ", step);
  const double t = static_cast<double>(step);
  const tt::kernels::AdamArgs args{
      lr,       beta1, beta2, eps, weight_decay, 1.0 - std::pow(beta1, t), 1.0 - std::pow(beta2, t),
      decoupled};
  update(rows, [&](const Row& r) { tt::kernels::adam(r.w, r.g, r.first, r.second, r.size, args); });
}

void sgd_step(const py::array& w, const py::array& g, const py::object& momentum_buffer, double lr,
              double momentum, double weight_decay, bool nesterov) {
  run_sgd({row(w, g, momentum_buffer, py::none())}, lr, momentum, weight_decay, nesterov);
}

void sgd_steps(const py::list& arrays, const py::list& changes, double lr, double momentum,
               double weight_decay, bool nesterov) {
  std::vector<Row> rows;
  for (const py::handle given : arrays) {
    const auto a = py::cast<py::tuple>(given);
    if (a.size() != 3) tt::fail<tt::ValueError>("a row is (w, g, momentum_buffer)");
    rows.push_back(row(a[0], a[1], a[2], py::none()));
  }
  run_sgd(rows, lr, momentum, weight_decay, nesterov);
  set_attributes(changes);
}

void adam_step(const py::array& w, const py::array& g, const py::array& m, const py::array& v,
               double lr, double beta1, double beta2, double eps, double weight_decay,
               std::int64_t step, bool decoupled) {
  run_adam({row(w, g, m, v)}, lr, beta1, beta2, eps, weight_decay, step, decoupled);
}

void adam_steps(const py::list& arrays, const py::list& changes, double lr, double beta1,
                double beta2, double eps, double weight_decay, std::int64_t step, bool decoupled) {
  std::vector<Row> rows;
  for (const py::handle given : arrays) {
    const auto a = py::cast<py::tuple>(given);
    if (a.size() != 4) tt::fail<tt::ValueError>("a row is (w, g, m, v)");
    rows.push_back(row(a[0], a[1], a[2], a[3]));
  }
  run_adam(rows, lr, beta1, beta2, eps, weight_decay, step, decoupled);
  set_attributes(changes);
}

nn::MuonScale scale_from_name(const std::string& name) {
  if (name == "original") return nn::MuonScale::original;
  if (name == "match_rms_adamw") return nn::MuonScale::match_rms_adamw;
  fail<ValueError>("adjust_lr_fn must be original or match_rms_adamw, got '", name, "'");
}

void check_tied(const nn::TiedMatrix& tied, std::pair<index_t, index_t> sizes) {
  if (std::pair(tied.rows(), tied.columns()) != sizes) {
    fail<ShapeError>("the matrix is (", sizes.first, ", ", sizes.second, "), the ties are of (",
                     tied.rows(), ", ", tied.columns(), ")");
  }
}

void muon_steps(const py::list& arrays, const py::list& changes, double lr, double momentum,
                double weight_decay, bool nesterov, int ns_steps, const std::string& adjust_lr_fn,
                bool unit_norm) {
  const nn::MuonOptions options{
      lr, momentum, weight_decay, nesterov, ns_steps, scale_from_name(adjust_lr_fn), unit_norm};
  std::vector<Row> rows;
  std::vector<std::pair<index_t, index_t>> sizes;
  std::vector<const nn::TiedMatrix*> tied;
  for (const py::handle given : arrays) {
    const auto a = py::cast<py::tuple>(given);
    if (a.size() != 4) fail<ValueError>("a row is (w, g, momentum_buffer, tied)");
    const auto w = py::cast<py::array>(a[0]);
    if (w.ndim() < 2) fail<ShapeError>("Muon is for matrices, got ", w.ndim(), " dimensions");
    if (a[2].is_none()) fail<ValueError>("Muon needs a momentum_buffer");
    rows.push_back(row(w, a[1], a[2], py::none()));
    const index_t outputs = w.shape(0);
    sizes.emplace_back(outputs, outputs == 0 ? 0 : w.size() / outputs);
    tied.push_back(a[3].is_none() ? nullptr : py::cast<const nn::TiedMatrix*>(a[3]));
    if (tied.back() != nullptr) check_tied(*tied.back(), sizes.back());
  }
  {
    const ReleaseGil unlocked;
    const Uninterrupted whole;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto [m, n] = sizes[i];
      nn::muon_step(rows[i].w, rows[i].g, rows[i].first, m, n, options, nn::muon_products(),
                    tied[i]);
    }
  }
  set_attributes(changes);
}

std::vector<std::int64_t> numbers(const py::array& partners) {
  if (!py::isinstance<py::array_t<std::int64_t>>(partners)) {
    fail<DTypeError>("partners must be an int64 array, got dtype ",
                     std::string(py::str(partners.dtype())));
  }
  const py::array_t<std::int64_t, py::array::c_style> dense(partners);
  return {dense.data(), dense.data() + dense.size()};
}

nn::Pairs pairs_of(const py::array& partners) { return nn::Pairs(numbers(partners)); }

nn::TiedMatrix tied_matrix(const py::array& rows, const py::array& columns) {
  return {nn::TiedAxis(numbers(rows)), nn::TiedAxis(numbers(columns))};
}

void average_pairs(const nn::Pairs& pairs, const py::array& array) {
  float* data = values(array, "the array", true);
  if (array.size() != pairs.size()) {
    fail<ShapeError>("the array has ", array.size(), " elements, the pairs are of ", pairs.size());
  }
  const ReleaseGil unlocked;
  pairs.average(data);
}

}  // namespace

void bind_optim(py::module_& m) {
  auto optim = m.def_submodule("optim", "Optimizer steps, in place on float32 arrays.");
  optim.def(
      "sgd_step", &sgd_step, py::arg("w"), py::arg("g"), py::arg("momentum_buffer"), py::arg("lr"),
      py::arg("momentum") = 0.0, py::arg("weight_decay") = 0.0, py::arg("nesterov") = false,
      "g += weight_decay w; v = momentum v + g; w -= lr (g + momentum v if nesterov else v).");
  optim.def("adam_step", &adam_step, py::arg("w"), py::arg("g"), py::arg("m"), py::arg("v"),
            py::arg("lr"), py::arg("beta1"), py::arg("beta2"), py::arg("eps"),
            py::arg("weight_decay"), py::arg("step"), py::arg("decoupled") = false,
            "Adam (Kingma & Ba 2015); decoupled: AdamW (Loshchilov & Hutter 2019).");
  optim.def("sgd_steps", &sgd_steps, py::arg("arrays"), py::arg("changes"), py::arg("lr"),
            py::arg("momentum") = 0.0, py::arg("weight_decay") = 0.0, py::arg("nesterov") = false,
            "sgd_step for each (w, g, momentum_buffer or None), then set_attributes(changes): all "
            "of it or, on an error in the arguments, nothing. Ctrl-C waits until it is done.");
  optim.def("adam_steps", &adam_steps, py::arg("arrays"), py::arg("changes"), py::arg("lr"),
            py::arg("beta1"), py::arg("beta2"), py::arg("eps"), py::arg("weight_decay"),
            py::arg("step"), py::arg("decoupled") = false,
            "adam_step for each (w, g, m, v), then set_attributes(changes), as sgd_steps.");
  optim.def("muon_steps", &muon_steps, py::arg("arrays"), py::arg("changes"), py::arg("lr"),
            py::arg("momentum"), py::arg("weight_decay"), py::arg("nesterov"), py::arg("ns_steps"),
            py::arg("adjust_lr_fn"), py::arg("unit_norm") = false,
            "Muon (Jordan et al. 2024) for each matrix (w, g, momentum_buffer, tied), then "
            "set_attributes(changes), as sgd_steps. Axes after the first count as one; tied: a "
            "TiedMatrix or None.");
  py::class_<nn::TiedMatrix>(optim, "TiedMatrix",
                             "Of a matrix g with g[rows[i], columns[j]] = g[i, j].")
      .def(py::init(&tied_matrix), py::arg("rows"), py::arg("columns"),
           "The partner of each row and column, itself for none; ValueError unless the partner's "
           "partner is it again.");
  py::class_<nn::Pairs>(optim, "Pairs", "Values of an array that are to be the same.")
      .def(py::init(&pairs_of), py::arg("partners"),
           "Where the partner of each value is, itself for none; ValueError unless the partner's "
           "partner is the value.")
      .def("average", &average_pairs, py::arg("array"),
           "Gives both values of each pair their mean, in place.");
  optim.def("unshared", &unshared, py::arg("parameter"),
            "Whether a Tensor's array is held by that tensor alone, so that a step may change it "
            "in place and nobody can tell.");
  optim.def("set_attributes", &set_attributes, py::arg("changes"),
            "Sets each (object, attribute, value) in turn; Ctrl-C waits until all are set.");
}

}  // namespace tt::bindings
