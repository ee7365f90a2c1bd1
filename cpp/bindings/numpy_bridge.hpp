// Array <-> numpy.ndarray without copying where the memory allows it.
#pragma once
#include <pybind11/numpy.h>

#include "tinytorch/array/array.hpp"

namespace tt::bindings {

// A writable ndarray over the array's memory, which it keeps alive. DTypeError for bfloat16.
pybind11::array to_numpy(const Array& array);

// An Array over the ndarray's memory, which it keeps alive. Copies where it must: read-only (unless
// allowed), misaligned or byte-swapped data, or element types the engine does not have (which
// become int64 or float32).
Array from_numpy(const pybind11::array& array, bool allow_readonly = false);

// Anything NumPy reads as an array (ndarray, number, nested list), as `dtype`; shares memory with
// an ndarray that already is what is asked for. TypeError for complex, ValueError for text and
// ragged.
Array from_object(pybind11::handle object, DType dtype);

pybind11::dtype numpy_dtype(DType dtype);
DType dtype_from_object(pybind11::handle object);  // name, numpy dtype or type

}  // namespace tt::bindings
