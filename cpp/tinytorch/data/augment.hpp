// Training images made of stored ones: normalized, moved, mirrored and partly covered, each by
// random draws that depend on (seed, epoch, image) alone. So a batch is the same whichever other
// images are in it, on any number of threads, and a resumed training needs no generator's state.
#pragma once
#include <cstdint>
#include <vector>

#include "tinytorch/array/array.hpp"

namespace tt::data {

struct Augmentation {
  enum class Border { zero, reflect };  // reflect: without repeating the edge, as NumPy's
  enum class Flip {
    none,
    random,
    alternating,  // mirrored every other epoch, beginning with half of the images: all are seen
                  // equally often (K. Jordan, "94% on CIFAR-10 in 3.29 seconds", 2024)
  };
  index_t pad = 0;  // moved by up to so many pixels along each axis
  Border border = Border::reflect;
  Flip flip = Flip::none;
  index_t cutout = 0;  // side of a square that becomes the mean colour; its centre is anywhere
                       // (DeVries & Taylor 2017)
};

// (value / 255 - mean) / std of each channel.
struct Normalization {
  std::vector<float> mean, std;
};

// Images `rows` (int64) of `images` (uint8, N x C x H x W) as float32, rows.size() x C x H x W.
// ShapeError, DTypeError or IndexError where the arrays do not fit; ValueError where the options do
// not, such as a pad that is no smaller than the image.
Array augmented(const Array& images, const Array& rows, const Normalization& normalization,
                const Augmentation& augmentation, std::uint64_t seed, std::uint64_t epoch);

}  // namespace tt::data
