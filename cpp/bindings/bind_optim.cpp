// tinytorch._core.optim: one optimizer step on NumPy arrays, in place, without the interpreter
// lock. The formulas are those of kernels/optim/optim.hpp.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cmath>

#include "gil.hpp"
#include "tinytorch/base/error.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/dispatch.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

constexpr std::int64_t kGrain = 1 << 15;

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

void sgd_step(const py::array& w, const py::array& g, const py::object& momentum_buffer, double lr,
              double momentum, double weight_decay, bool nesterov) {
  float* weights = values(w, "w", true);
  const float* grads = values(g, "g", false);
  check_size(g, w, "g");
  float* velocity = nullptr;
  if (!momentum_buffer.is_none()) {
    const auto buffer = py::cast<py::array>(momentum_buffer);
    velocity = values(buffer, "momentum_buffer", true);
    check_size(buffer, w, "momentum_buffer");
  }
  const tt::kernels::SgdArgs args{static_cast<float>(lr), static_cast<float>(momentum),
                                  static_cast<float>(weight_decay), nesterov};
  const auto step = tt::kernels::active().optim.sgd;
  const std::int64_t n = w.size();
  ReleaseGil unlocked;
  tt::parallel_for(n, kGrain, [=, &args](std::int64_t begin, std::int64_t end) {
    step(weights + begin, grads + begin, velocity ? velocity + begin : nullptr,
         static_cast<std::size_t>(end - begin), args);
  });
}

void adam_step(const py::array& w, const py::array& g, const py::array& m, const py::array& v,
               double lr, double beta1, double beta2, double eps, double weight_decay,
               std::int64_t step, bool decoupled) {
  float* weights = values(w, "w", true);
  const float* grads = values(g, "g", false);
  float* first = values(m, "m", true);
  float* second = values(v, "v", true);
  check_size(g, w, "g");
  check_size(m, w, "m");
  check_size(v, w, "v");
  if (step < 1) tt::fail<tt::ValueError>("step counts from 1, got ", step);
  const double t = static_cast<double>(step);
  const tt::kernels::AdamArgs args{
      lr, beta1, beta2, eps, weight_decay, 1.0 - std::pow(beta1, t), 1.0 - std::pow(beta2, t),
      decoupled};
  const auto update = tt::kernels::active().optim.adam;
  const std::int64_t n = w.size();
  ReleaseGil unlocked;
  tt::parallel_for(n, kGrain, [=, &args](std::int64_t begin, std::int64_t end) {
    update(weights + begin, grads + begin, first + begin, second + begin,
           static_cast<std::size_t>(end - begin), args);
  });
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
}

}  // namespace tt::bindings
