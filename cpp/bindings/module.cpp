// tinytorch._core: the list of what is bound. Each line has its file.
#include <pybind11/pybind11.h>

#include "errors.hpp"

namespace tt::bindings {
void bind_base(pybind11::module_& m);
void bind_tensor_type(pybind11::module_& m);
void bind_nodes(pybind11::module_& m);
void bind_autograd(pybind11::module_& m);
void bind_dlpack(pybind11::module_& m);
void bind_ops(pybind11::module_& m);
void bind_io(pybind11::module_& m);
void bind_optim(pybind11::module_& m);
void bind_quant(pybind11::module_& m);
void bind_sparse(pybind11::module_& m);
void bind_capstone(pybind11::module_& m);
void bind_models(pybind11::module_& m);
}  // namespace tt::bindings

PYBIND11_MODULE(_core, m) {
  using namespace tt::bindings;
  m.doc() = "The tinytorch engine.";
  m.attr("version") = TINYTORCH_VERSION;
  register_error_translator();
  bind_tensor_type(m);
  bind_nodes(m);
  bind_base(m);
  bind_autograd(m);
  bind_dlpack(m);
  bind_ops(m);
  bind_io(m);
  bind_optim(m);
  bind_quant(m);
  bind_sparse(m);
  bind_capstone(m);
  bind_models(m);
}
