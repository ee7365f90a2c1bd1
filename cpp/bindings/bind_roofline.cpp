// tinytorch._core.roofline: what this machine can do at most.
#include "gil.hpp"
#include "ops_module.hpp"
#include "tinytorch/kernels/peak/peak.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

kernels::PeakFormat format_from(const std::string& name) {
  if (name == "f32") return kernels::PeakFormat::f32;
  if (name == "bf16") return kernels::PeakFormat::bf16;
  if (name == "int8") return kernels::PeakFormat::int8;
  fail<ValueError>("unknown number format '", name, "'; use f32, bf16 or int8");
}

void at_least(index_t value, index_t least, const char* what) {
  if (value < least) fail<ValueError>(what, " must be at least ", least, ", got ", value);
}

// Memory in parts, of which each thread takes some.
class Traffic {
 public:
  Traffic(index_t parts, index_t floats) : parts_(parts), floats_(floats) {
    at_least(parts, 1, "parts");
    at_least(floats, 1, "floats");
    x_ = Array::full({parts, floats}, 1.0);
  }
  double read(index_t passes) const {
    at_least(passes, 0, "passes");
    const ReleaseGil release;
    return kernels::read_parts(x_.data<float>(), parts_, floats_, passes);
  }
  void copy(index_t passes) {
    at_least(passes, 0, "passes");
    const ReleaseGil release;
    if (!y_.defined()) y_ = Array::full({parts_, floats_}, 0.0);
    kernels::copy_parts(x_.data<float>(), y_.data<float>(), parts_, floats_, passes);
  }

 private:
  index_t parts_, floats_;
  Array x_, y_;
};

}  // namespace

void bind_roofline(py::module_& parent) {
  py::module_ m = parent.def_submodule("roofline", "What this machine can do at most.");
  m.def(
      "count_multiply_adds",
      [](const std::string& format, index_t pieces) {
        const kernels::PeakFormat known = format_from(format);
        at_least(pieces, 0, "pieces");
        const ReleaseGil release;
        return kernels::count_multiply_adds(known, pieces);
      },
      py::arg("format"), py::arg("pieces"),
      "Runs multiply-adds in registers on all threads and returns how many there were. A piece is "
      "some hundred thousand cycles of one thread; format is f32, bf16 or int8.");
  py::class_<Traffic>(m, "Traffic", "Memory to read and to copy: `parts` times `floats` ones.")
      .def(py::init<index_t, index_t>(), py::arg("parts"), py::arg("floats"))
      .def("read", &Traffic::read, py::arg("passes"),
           "Reads each part `passes` times, one thread a part; returns the sum of what was read.")
      .def("copy", &Traffic::copy, py::arg("passes"),
           "Copies each part to another place `passes` times, past the caches.");
}

}  // namespace tt::bindings
