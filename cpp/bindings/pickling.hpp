// Classes that do not say how they are pickled refuse it. Left to Python, its oldest protocols, 0
// and 1, would call the constructor of pybind11's common base, which ends the process.
#pragma once
#include <pybind11/pybind11.h>

namespace tt::bindings {

// All classes of a module and of the modules in it.
void refuse_pickles(pybind11::module_& m);

}  // namespace tt::bindings
