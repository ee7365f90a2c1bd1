// tinytorch._core.data: batches of training images.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "gil.hpp"
#include "numpy_bridge.hpp"
#include "tinytorch/data/augment.hpp"

namespace py = pybind11;

namespace tt::bindings {
namespace {

using data::Augmentation;

Augmentation::Border border_from(const std::string& name) {
  if (name == "zero") return Augmentation::Border::zero;
  if (name == "reflect") return Augmentation::Border::reflect;
  fail<ValueError>("border must be 'zero' or 'reflect', got '", name, "'");
}

Augmentation::Flip flip_from(const std::string& name) {
  if (name == "none") return Augmentation::Flip::none;
  if (name == "random") return Augmentation::Flip::random;
  if (name == "alternating") return Augmentation::Flip::alternating;
  fail<ValueError>("flip must be 'none', 'random' or 'alternating', got '", name, "'");
}

}  // namespace

void bind_data(py::module_& m) {
  py::module_ d = m.def_submodule("data", "Batches of training images.");
  d.def(
      "augmented",
      [](const py::array& images, const py::array& rows, std::vector<float> mean,
         std::vector<float> std, index_t pad, const std::string& border, const std::string& flip,
         index_t cutout, std::uint64_t seed, std::uint64_t epoch) {
        Augmentation a;
        a.pad = pad, a.border = border_from(border), a.flip = flip_from(flip), a.cutout = cutout;
        const Array from = from_numpy(images, true), chosen = from_numpy(rows, true);
        Array out;
        {
          const ReleaseGil unlocked;
          out = data::augmented(from, chosen, {std::move(mean), std::move(std)}, a, seed, epoch);
        }
        return to_numpy(out);
      },
      py::arg("images"), py::arg("rows"), py::arg("mean"), py::arg("std"), py::kw_only(),
      py::arg("pad") = 0, py::arg("border") = "reflect", py::arg("flip") = "none",
      py::arg("cutout") = 0, py::arg("seed") = 0, py::arg("epoch") = 0,
      "Images `rows` (int64) of uint8 (N, C, H, W) as float32: normalized, moved, mirrored, cut. "
      "The "
      "draws depend on (seed, epoch, image) alone.");
}

}  // namespace tt::bindings
