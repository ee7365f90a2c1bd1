// Threads, instruction sets, memory, random numbers, interrupts.
#include <pybind11/stl.h>

#include "numpy_bridge.hpp"
#include "ops_module.hpp"
#include "tensor_type.hpp"
#include "tinytorch/array/allocator.hpp"
#include "tinytorch/base/cpu.hpp"
#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/base/rng.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

// Runs Python's pending signal handlers. True: one raised, and Python's error is set.
bool check_signals() {
  if (!Py_IsInitialized()) return false;
  AcquireGil gil;
  return PyErr_CheckSignals() != 0;
}

void bind_generator(py::module_& m) {
  py::class_<Generator>(
      m, "Generator",
      "Counter-based random numbers (Philox4x32-10): the same stream for a seed on "
      "every machine and for any number of threads.")
      .def(py::init<std::uint64_t>(), py::arg("seed") = 0)
      .def("manual_seed", &Generator::manual_seed, py::arg("seed"))
      .def_property_readonly("seed", &Generator::seed)
      .def_property("position", &Generator::position, &Generator::set_position,
                    "Blocks of four values drawn so far; assignable, to resume a stream.")
      .def(
          "uniform",
          [](Generator& g, py::handle shape, float low, float high) {
            const Array out = Array::empty(dims_from(shape));
            g.uniform(out.data<float>(), out.size(), low, high);
            return autograd::Tensor(out);
          },
          py::arg("shape"), py::arg("low") = 0.0f, py::arg("high") = 1.0f,
          "Uniform in [low, high).")
      .def(
          "normal",
          [](Generator& g, py::handle shape, float mean, float stddev) {
            const Array out = Array::empty(dims_from(shape));
            g.normal(out.data<float>(), out.size(), mean, stddev);
            return autograd::Tensor(out);
          },
          py::arg("shape"), py::arg("mean") = 0.0f, py::arg("std") = 1.0f, "Normal (Box-Muller).")
      .def(
          "permutation",
          [](Generator& g, index_t n) {
            const Array out = Array::empty({n}, DType::i64);
            g.permutation(out.data<std::int64_t>(), n);
            return to_numpy(out);
          },
          py::arg("n"), "0 .. n-1 in random order, as an int64 ndarray (Fisher-Yates).")
      .def("below", &Generator::below, py::arg("bound"), "An unbiased integer in [0, bound).");
  m.def("default_generator", &default_generator, py::return_value_policy::reference);
  m.def(
      "manual_seed", [](std::uint64_t seed) { default_generator().manual_seed(seed); },
      py::arg("seed"), "Seed the engine's default generator.");
}

}  // namespace

void bind_base(py::module_& m) {
  set_interrupt_check(&check_signals);
  m.def("num_threads", &num_threads, "Threads that work takes part on.");
  m.def(
      "set_num_threads",
      [](int n) {
        ReleaseGil release;
        set_num_threads(n);
      },
      py::arg("count"));
  m.def("active_isa", [] { return std::string(name_of(active_isa())); });
  m.def("supported_isas", [] {
    std::vector<std::string> names;
    for (Isa isa : supported_isas()) names.emplace_back(name_of(isa));
    return names;
  });
  m.def("cpu_name", &cpu_name);
  m.def("cpu_features", &cpu_feature_names);
  m.def(
      "memory_stats",
      [] {
        const MemoryStats s = memory_stats();
        py::dict out;
        out["live_bytes"] = s.live_bytes;
        out["peak_bytes"] = s.peak_bytes;
        out["cached_bytes"] = s.cached_bytes;
        out["allocations"] = s.allocations;
        return out;
      },
      "Bytes held by arrays now and at most, bytes cached for reuse, number of allocations.");
  m.def(
      "kernel_calls",
      [] {
        py::dict out;
        for (const auto& [family, calls] : kernels::call_counts()) out[family] = calls;
        return out;
      },
      "Calls of each kernel family (unary, gemm, softmax, ...) since the process started.");
  m.def("reset_peak_memory", &reset_peak_memory);
  m.def("empty_memory_cache", &empty_memory_cache);
  bind_generator(m);
}

}  // namespace tt::bindings
