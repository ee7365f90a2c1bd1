// tinytorch._core: the list of what is bound. Each line has its file.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "errors.hpp"
#include "pickling.hpp"
#include "tinytorch/autograd/engine.hpp"
#include "tinytorch/autograd/functions.hpp"
#include "tinytorch/base/thread_pool.hpp"

namespace tt::bindings {
void bind_base(pybind11::module_& m);
void bind_tensor_type(pybind11::module_& m);
void bind_nodes(pybind11::module_& m);
void bind_autograd(pybind11::module_& m);
void bind_dlpack(pybind11::module_& m);
void bind_ops(pybind11::module_& m);
void bind_io(pybind11::module_& m);
void bind_data(pybind11::module_& m);
void bind_optim(pybind11::module_& m);
void bind_quant(pybind11::module_& m);
void bind_sparse(pybind11::module_& m);
void bind_capstone(pybind11::module_& m);
void bind_models(pybind11::module_& m);
void bind_gpt(pybind11::module_& m);
void bind_generate(pybind11::module_& m);
void bind_linear(pybind11::module_& m);
void bind_runtime(pybind11::module_& m);
void bind_roofline(pybind11::module_& m);
void bind_text(pybind11::module_& m);

// One operation and its backward pass, for the static variables of functions on the way (tables,
// locks, limits). A child forked while another thread makes one would wait for it forever.
static void make_statics() {
  num_threads();
  const autograd::Tensor x(Array::zeros({1, 1}), true);
  backward(autograd::sum(autograd::unary(autograd::Unary::relu, autograd::matmul(x, x))));
  // pybind11 looks NumPy's functions up once, with the interpreter's lock released: a thread that
  // came to it while the interpreter shuts down would abort the process (see gil.hpp).
  pybind11::array_t<float>(1);
}
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
  bind_data(m);
  bind_optim(m);
  bind_quant(m);
  bind_sparse(m);
  bind_capstone(m);
  bind_models(m);
  bind_gpt(m);
  bind_generate(m);
  bind_linear(m);
  bind_runtime(m);
  bind_roofline(m);
  bind_text(m);
  refuse_pickles(m);
  make_statics();
}
